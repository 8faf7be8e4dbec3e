"""Training one architecture alone, which gives the true scores of landmarks and of the evaluation pool."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from lmreg.algo.base import Algorithm
from lmreg.data.images import Batch, BatchStream, ImageData
from lmreg.network.base import SuperNet
from lmreg.reg.none import NoRegulariser
from lmreg.space.base import Arch, Space
from lmreg.task.base import Task
from lmreg.train.context import Context
from lmreg.train.optimise import TrainerConfig, make_optimizer
from lmreg.train.random_streams import Streams
from lmreg.train.training import Training


class OneArchitecture(Algorithm):
    """Trains the same path in every step: the algorithm for a network that has no other."""

    def __init__(self, arch: Arch):
        self._arch = arch

    def weight_losses(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        yield ctx.standalone_loss(self._arch, batch)


def standalone_training(
    net: SuperNet,
    arch: Arch,
    space: Space,
    task: Task,
    data: ImageData,
    streams: Streams,
    config: TrainerConfig,
    split: str = "train",
) -> Training:
    """Return the training of ``net``, the network of ``arch``, on that split before its first step."""
    train = BatchStream(data.split(split), config.batch_size, streams.data)
    total = config.total_steps(train.batches_per_epoch)
    ctx = Context(space, net, task, streams, make_optimizer(config, net), total)
    return Training(ctx, OneArchitecture(arch), NoRegulariser(), train, config)
