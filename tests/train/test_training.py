"""Exact resume, exact skipping of satisfied pairs, equal paths with and without the regulariser."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from tests.train.contexts import make_context

from lmreg.algo import darts, darts2, gdas, nao, pcdarts
from lmreg.algo.base import Algorithm
from lmreg.algo.darts import DARTS
from lmreg.algo.darts2 import DARTS2
from lmreg.algo.fairnas import FairNAS
from lmreg.algo.gdas import GDAS
from lmreg.algo.nao import NAO
from lmreg.algo.pcdarts import PCDARTS
from lmreg.algo.spos import SPOS
from lmreg.algo.spos_unique import SPOSUnique
from lmreg.config.build import typed
from lmreg.config.paths import conf_dir
from lmreg.data.base import InputShape, Part
from lmreg.data.images import Batch, BatchStream, Split
from lmreg.errors import LmregError
from lmreg.landmarks.truth import LandmarkSet
from lmreg.network.base import SuperNet
from lmreg.network.nasbench201 import Config as NetworkConfig
from lmreg.network.nasbench201 import NASBench201Network
from lmreg.rank.scoring import score
from lmreg.reg.base import Regulariser
from lmreg.reg.landmark import Config, Landmark
from lmreg.reg.none import NoRegulariser
from lmreg.space.base import Arch
from lmreg.space.nasbench201 import NASBench201
from lmreg.task.classification import Classification
from lmreg.train import checkpoint
from lmreg.train.context import NO_ALPHA_BATCHES, Context
from lmreg.train.optimise import TrainerConfig, learning_rate, make_optimizer
from lmreg.train.random_streams import Streams, initialised
from lmreg.train.training import Training

CPU = torch.device("cpu")
SPACE = NASBench201()
STEPS = 14


def landmarks() -> LandmarkSet:
    rng = np.random.default_rng(5)
    archs = tuple(SPACE.sample(rng) for _ in range(6))
    scores = np.array([90.0, 80, 70, 60, 50, 40])
    return LandmarkSet(archs, scores, np.full(6, np.nan), "acc", 1)


def split(seed: int) -> Split:
    rng = np.random.default_rng(seed)
    labels = np.arange(60) % 3
    images = rng.integers(200, size=(60, 8, 8, 1), dtype=np.uint8) + 20 * labels[:, None, None, None]
    part = Part(images.astype(np.uint8), labels)
    return Split(part, torch.full((1,), 120.0), torch.full((1,), 60.0), padding=1, flip=True)


def scores(net: SuperNet, archs: Sequence[Arch]) -> np.ndarray:
    return -score(net, Classification(), archs, split(3).scoring_batches(30))["loss_nats"].to_numpy()


def make(
    reg: Regulariser, seed: int = 0, trainer: TrainerConfig | None = None, algo: Algorithm | None = None
) -> Training:
    trainer = trainer or TrainerConfig(steps=STEPS, batch_size=16, lr=0.1)
    streams, algo = Streams(seed, CPU), algo or SPOS()
    shape = InputShape(1, 8, 8)
    with initialised(seed):
        net = NASBench201Network(NetworkConfig(channels=4), SPACE, shape, outputs=3, **algo.network_options())
    rank = BatchStream(split(1), 16, streams.rank)
    alpha = NO_ALPHA_BATCHES if algo.alpha_split is None else BatchStream(split(2), 16, streams.alpha)
    ctx = Context(
        SPACE,
        net,
        Classification(),
        streams,
        make_optimizer(trainer, net),
        STEPS,
        rank_batches=rank,
        alpha_batches=alpha,
        scorer=scores,
    )
    return Training(ctx, algo, reg, BatchStream(split(0), 16, streams.data), trainer)


def regularised(**options: Any) -> Landmark:
    return Landmark(Config(**{"warmup": 0.2, "pairs": 2} | options), landmarks())


def run(training: Training, steps: int = STEPS) -> Training:
    for _ in training.steps(log_every=5):
        if training.ctx.step == steps:
            break
    return training


def assert_same(a: Any, b: Any, where: str = "state") -> None:
    assert type(a) is type(b), where
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}[{i}]")
    else:
        assert a == b or (a != a and b != b), where


REGS: dict[str, Callable[[], Regulariser]] = {
    "none": NoRegulariser,
    "landmark": regularised,
    "landmark-all": lambda: regularised(sampler="all", pair_loss="softplus", schedule="step_increase"),
    "landmark-soft": lambda: regularised(passes="soft_oneshot"),
    "landmark-train": lambda: regularised(sampler="triples", batch="train", detach="worse"),
}
ALGOS: dict[str, Callable[[], Algorithm]] = {
    "spos": SPOS,
    "fairnas": FairNAS,
    "spos_unique": SPOSUnique,
    "darts": lambda: DARTS(darts.Config(alpha_warmup=0.3)),
    "darts2": lambda: DARTS2(darts2.Config(alpha_warmup=0.3, alpha_split="score")),
    "gdas": lambda: GDAS(gdas.Config(alpha_warmup=0.3)),
    "pcdarts": lambda: PCDARTS(pcdarts.Config(alpha_warmup=0.3, partial=2)),
    "nao": lambda: NAO(
        nao.Config(pool=8, warmup=0.3, refresh_epochs=2, hidden=8, predictor_epochs=20)  # steps 6, 12
    ),
}


# Every algorithm with a regulariser, every regulariser beside single paths and beside mixtures: what an
# algorithm has of its own state doesn't meet what a regulariser has.
TOGETHER = [(algo, reg) for algo in ALGOS for reg in REGS if reg == "landmark" or algo in ("spos", "darts")]


@functools.cache
def undisturbed(algo: str, reg: str) -> tuple[dict[str, Any], list[Any]]:
    """Return the final state of a training that never stops and, for each step, the batch and the state of
    the stream that paths are drawn from.
    """
    training, record = make(REGS[reg](), algo=ALGOS[algo]()), []
    losses = training.algo.weight_losses

    def watched(ctx: Context, batch: Any) -> Any:
        state = ctx.streams.arch.bit_generator.state["state"]["state"]
        record.append((ctx.step, batch.images.sum().item(), batch.targets.tolist(), state))
        return losses(ctx, batch)

    training.algo.weight_losses = watched  # type: ignore[method-assign]
    return run(training).state_dict(), record


# Those whose own state is a part of another's.
SLOW = {("darts", "landmark-all"), ("darts", "landmark-soft"), ("darts", "landmark-train"), ("darts", "none")}


@pytest.mark.parametrize(
    ("algo", "reg"), [pytest.param(*it, marks=pytest.mark.slow if it in SLOW else ()) for it in TOGETHER]
)
def test_resume_equals_never_stopping_in_all_state(algo: str, reg: str, tmp_path: Any) -> None:
    straight, _ = undisturbed(algo, reg)
    # Only one stop where steps are slow: apart from their own state, the algorithms share all code.
    count = 3 if algo == "spos" else 1
    steps = np.random.default_rng(len(algo) + 100 * len(reg)).choice(
        np.arange(1, STEPS), count, replace=False
    )
    for stop in map(int, steps):
        stopped = run(make(REGS[reg](), algo=ALGOS[algo]()), stop)
        checkpoint.save(tmp_path / "c.pt", stopped.state_dict(), "hash")
        # Another seed: nothing of the initial state may remain.
        resumed = make(REGS[reg](), seed=99, algo=ALGOS[algo]())
        resumed.load_state_dict(checkpoint.load(tmp_path / "c.pt", "hash", CPU))
        assert resumed.ctx.step == stop
        assert_same(run(resumed).state_dict(), straight)


def test_every_algorithm_and_regulariser_is_resumed() -> None:
    for group, tried in (("algo", ALGOS), ("reg", REGS)):
        names = {p.stem for p in (conf_dir() / group).glob("*.yaml")}
        names -= {"none"} if group == "algo" else set()  # it trains nothing
        assert names == {name.partition("-")[0] for name in tried}


@pytest.mark.parametrize("stop", [1, 5, 12, 13])
def test_resume_at_and_beside_a_logged_step(stop: int, tmp_path: Any) -> None:
    straight, _ = undisturbed("spos", "landmark")
    checkpoint.save(tmp_path / "c.pt", run(make(regularised()), stop).state_dict(), "hash")
    resumed = make(regularised(), seed=99)
    resumed.load_state_dict(checkpoint.load(tmp_path / "c.pt", "hash", CPU))
    assert resumed.ctx.step == stop
    assert_same(run(resumed).state_dict(), straight)


def test_one_seed_gives_one_result_and_another_another() -> None:
    first, second = run(make(regularised())), run(make(regularised()))
    assert_same(first.state_dict(), second.state_dict())
    third = run(make(regularised(), seed=1))
    assert third.rows[-1]["train_loss_nats"] != first.rows[-1]["train_loss_nats"]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_skipping_satisfied_pairs_changes_nothing(momentum: float) -> None:
    trainer = TrainerConfig(steps=STEPS, batch_size=16, lr=0.05, momentum=momentum, weight_decay=0.01)
    skipping = run(make(regularised(skip_satisfied=True), trainer=trainer))
    thorough = run(make(regularised(skip_satisfied=False), trainer=trainer))
    shares = [row["violated_share"] for row in skipping.rows[1:]]
    assert any(0 < share < 1 for share in shares)  # both kinds of pairs occurred
    assert_same(skipping.state_dict(), thorough.state_dict())


class Given(SPOS):
    """One path a step, from a list."""

    def __init__(self, *archs: Arch):
        super().__init__()
        self._archs = archs

    def weight_losses(self, ctx: Context, batch: Batch) -> Iterator[torch.Tensor]:
        yield ctx.loss(self._archs[ctx.step % len(self._archs)], batch)


def weights(net: SuperNet) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in net.named_parameters()}


@pytest.mark.parametrize("clip", [5.0, None])
@pytest.mark.parametrize("momentum", [0.9, 0.0])
@pytest.mark.parametrize("untouched", ["decay", "skip"])
def test_weights_that_a_step_does_not_touch(untouched: str, momentum: float, clip: float | None) -> None:
    """Weight decay and momentum move them, or nothing does; the others always learn."""
    trainer = TrainerConfig(
        steps=STEPS,
        batch_size=16,
        lr=0.1,
        momentum=momentum,
        clip=clip,
        weight_decay=0.01,
        untouched=untouched,
    )
    conv_1x1, conv_3x3 = (
        SPACE.arch((SPACE.options[0].index(op),) * 6) for op in ("nor_conv_1x1", "nor_conv_3x3")
    )
    training = make(NoRegulariser(), trainer=trainer, algo=Given(conv_1x1, conv_3x3))
    net, steps = training.ctx.net, training.steps(log_every=100)
    batch = split(3).plain(torch.arange(16))
    for path in (conv_1x1, conv_3x3):
        probe = make(NoRegulariser()).ctx.net.requires_grad_()
        probe.zero_grad()
        probe(batch.images, path).square().sum().backward()
        touched = {name for name, p in probe.named_parameters() if p.grad is not None}
        before = weights(net)
        next(steps)
        moved = {name for name, value in weights(net).items() if not torch.equal(value, before[name])}
        decays = {name for name, value in before.items() if value.any()} if untouched == "decay" else set()
        assert moved == touched | decays
        assert touched != set(before)


@pytest.mark.parametrize("algo", ["spos", "fairnas", "gdas"])
def test_resume_is_exact_without_untouched_weights(algo: str, tmp_path: Any) -> None:
    trainer = TrainerConfig(steps=STEPS, batch_size=16, lr=0.1, untouched="skip")
    straight = run(make(regularised(), algo=ALGOS[algo](), trainer=trainer))
    stopped = run(make(regularised(), algo=ALGOS[algo](), trainer=trainer), 7)
    checkpoint.save(tmp_path / "c.pt", stopped.state_dict(), "hash")
    resumed = make(regularised(), seed=99, algo=ALGOS[algo](), trainer=trainer)
    resumed.load_state_dict(checkpoint.load(tmp_path / "c.pt", "hash", CPU))
    assert_same(run(resumed).state_dict(), straight.state_dict())


def test_where_every_weight_is_touched_both_are_the_same() -> None:
    whole = [
        run(
            make(
                NoRegulariser(),
                algo=ALGOS["darts"](),
                trainer=TrainerConfig(steps=STEPS, untouched=untouched),
            )
        )
        for untouched in ("decay", "skip")
    ]
    assert_same(*(training.state_dict() for training in whole))


def test_skipping_really_skips() -> None:
    """The satisfied terms are not yielded, so their graphs are never walked."""
    counts = {}
    for skip in (True, False):
        reg, yielded = regularised(skip_satisfied=skip), []
        training = make(reg)
        terms = reg.terms
        reg.terms = lambda ctx, batch, t=terms, y=yielded: (y.append(x) or x for x in t(ctx, batch))  # type: ignore
        run(training)
        counts[skip] = len(yielded)
    assert 0 < counts[True] < counts[False]


@pytest.mark.parametrize("algo", ["spos", "fairnas", "spos_unique", "darts", "pcdarts"])
def test_same_paths_and_batches_with_and_without_the_regulariser(algo: str) -> None:
    """GDAS and NAO, which sample by what they have learned, have tests of their own."""
    _, without = undisturbed(algo, "none")
    assert len(without) == STEPS
    for name in REGS:
        if (algo, name) in TOGETHER:
            assert undisturbed(algo, name)[1] == without


def test_the_regulariser_is_the_only_difference() -> None:
    """Both trainings are equal up to the end of the warm-up, and differ afterwards."""
    without, with_it = make(NoRegulariser()), make(regularised(warmup=0.5))
    for training in (without, with_it):
        run(training, STEPS // 2)
    assert_same(without.state_dict()["net"], with_it.state_dict()["net"])
    weights = [t.ctx.net.state_dict()["stem.0.weight"].clone() for t in map(run, (without, with_it))]
    assert not torch.equal(*weights)


def test_a_context_says_what_its_training_lacks() -> None:
    ctx = make_context(SPACE, make(NoRegulariser()).ctx.net, Streams(0, CPU), STEPS)
    for batches, lacks in ((ctx.rank_batches, "no regulariser"), (ctx.alpha_batches, "alpha_split")):
        with pytest.raises(TypeError, match=lacks):
            next(batches)
        assert batches.state_dict() is None
    with pytest.raises(TypeError, match="uses_scores = True"):
        ctx.scores([])


def test_training_learns() -> None:
    path = SPACE.arch((SPACE.options[0].index("nor_conv_3x3"),) * 6)
    rows = run(make(NoRegulariser(), algo=Given(path))).rows
    assert rows[-1]["train_loss_nats"] < rows[0]["train_loss_nats"]
    assert [row["step"] for row in rows] == [5, 10, 14]


def test_divergence_is_told() -> None:
    with pytest.raises(LmregError, match=r"diverged.*lower trainer\.lr"):
        run(make(NoRegulariser(), trainer=TrainerConfig(steps=STEPS, batch_size=16, lr=1e30, clip=None)))


def test_learning_rate_at_its_ends() -> None:
    config = TrainerConfig(lr=1.0, lr_min=0.1, lr_warmup=0.2)
    assert learning_rate(config, 0.0) == 0.0
    assert learning_rate(config, 0.1) == pytest.approx(0.5)
    assert learning_rate(config, 0.2) == pytest.approx(1.0)
    assert learning_rate(config, 0.6) == pytest.approx(0.55)
    assert learning_rate(config, 1.0) == pytest.approx(0.1)
    assert learning_rate(TrainerConfig(lr=1.0), 0.0) == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nesterov": True, "momentum": 0.0}, "trainer: nesterov=true needs momentum above 0"),
        ({"clip": 0.0}, "trainer: clip=0 would remove every gradient"),
    ],
)
def test_options_that_make_no_sense_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LmregError, match=message):
        typed(options, TrainerConfig, "trainer")


def test_steps_come_from_epochs_unless_given() -> None:
    assert TrainerConfig(epochs=2.5).total_steps(10) == 25
    assert TrainerConfig(epochs=0.01).total_steps(10) == 1
    assert TrainerConfig(epochs=2.5, steps=7).total_steps(10) == 7
