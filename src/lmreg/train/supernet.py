"""Training a super-net with an algorithm and a regulariser."""

from __future__ import annotations

from lmreg.algo.base import Algorithm
from lmreg.data.images import BatchStream, ImageData
from lmreg.network.base import SuperNet
from lmreg.reg.base import Regulariser
from lmreg.space.base import Space
from lmreg.task.base import Task
from lmreg.train.context import NO_ALPHA_BATCHES, Batches, Context, Scorer, no_scorer
from lmreg.train.optimise import TrainerConfig, make_optimizer
from lmreg.train.random_streams import Streams
from lmreg.train.training import Training


def supernet_training(
    net: SuperNet,
    algo: Algorithm,
    reg: Regulariser,
    space: Space,
    task: Task,
    data: ImageData,
    streams: Streams,
    config: TrainerConfig,
    scorer: Scorer,
) -> Training:
    """Return the training of the super-net ``net`` before its first step."""
    train = BatchStream(data.split("train"), config.batch_size, streams.data)
    rank = BatchStream(data.split("rank"), reg.batch_size or config.batch_size, streams.rank)
    paths = algo.paths_per_step(space)
    alpha: Batches = NO_ALPHA_BATCHES
    if algo.alpha_split is not None:
        alpha = BatchStream(data.split(algo.alpha_split), config.batch_size, streams.alpha)
    ctx = Context(
        space,
        net,
        task,
        streams,
        make_optimizer(config, net),
        config.total_steps(train.batches_per_epoch, paths),
        paths_per_step=paths,
        rank_batches=rank,
        alpha_batches=alpha,
        scorer=scorer if algo.uses_scores else no_scorer,
    )
    return Training(ctx, algo, reg, train, config)
