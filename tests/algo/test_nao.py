from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from tests.train.contexts import make_context
from tests.train.test_training import assert_same, make, regularised, run

from lmreg.algo.nao import NAO, Config, PoolRound
from lmreg.data.images import Batch
from lmreg.errors import LmregError
from lmreg.network.base import SuperNet
from lmreg.reg.none import NoRegulariser
from lmreg.space.base import Arch, Space
from lmreg.space.darts import DARTSSpace
from lmreg.space.nasbench201 import NASBench201
from lmreg.train import checkpoint
from lmreg.train.context import Context
from lmreg.train.random_streams import Streams

CPU = torch.device("cpu")
NB201 = NASBench201()
BATCH = Batch(torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.long))
SMALL: dict[str, Any] = {"hidden": 16, "predictor_epochs": 60}


class Toy(Space):
    """2 × 3 × 4 choices without (1, 2, ·); after a first 0 the last decision has no effect: 11 networks."""

    name = "toy"
    options = (("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d"))

    def arch(self, choices: tuple[int, ...]) -> Arch:
        if tuple(choices[:2]) == (1, 2):
            raise LmregError(f"{choices} is ruled out")
        return super().arch(choices)

    def sample(self, rng: np.random.Generator) -> Arch:
        while True:
            try:
                return super().sample(rng)
            except LmregError:
                continue

    def canonical(self, arch: Arch) -> str:
        return self.format(arch)[: None if arch.choices[0] else 2]

    def format(self, arch: Arch) -> str:
        return "".join(map(str, arch.choices))

    def parse(self, text: str) -> Arch:
        return self.arch(tuple(map(int, text)))


TOY_NETWORKS = 3 + 2 * 4


def convolutions(archs: Sequence[Arch]) -> np.ndarray:
    """An easily predicted quality."""
    return np.array([sum({2: 1, 3: 2}.get(c, 0) for c in arch.choices) for arch in archs], dtype=np.float64)


class Scores:
    """A scorer that records its calls."""

    def __init__(self, quality: Callable[[Sequence[Arch]], np.ndarray]):
        self.quality = quality
        self.asked: list[list[Arch]] = []

    def __call__(self, net: SuperNet, archs: Sequence[Arch]) -> np.ndarray:
        self.asked.append(list(archs))
        return self.quality(archs)


def context(
    space: Space = NB201,
    quality: Callable[[Sequence[Arch]], np.ndarray] = convolutions,
    seed: int = 0,
    step: int = 5,
) -> tuple[Context, Scores]:
    scores = Scores(quality)
    return make_context(space, None, Streams(seed, CPU), 10, step=step, scorer=scores), scores


def keys(space: Space, archs: Sequence[Arch]) -> set[str]:
    return {space.canonical(arch) for arch in archs}


def pool_of(algo: NAO, space: Space = NB201) -> list[Arch]:
    return [space.arch(choices) for choices in algo.state_dict()["pool"]]


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch) -> list[Arch]:
    """The architectures that the super-net evaluates."""
    seen: list[Arch] = []
    monkeypatch.setattr(Context, "loss", lambda self, arch, batch: seen.append(arch) or torch.zeros(()))
    return seen


def test_paths_are_uniform_at_first_and_then_from_the_pool(paths: list[Arch]) -> None:
    ctx, _ = context()
    algo = NAO(Config(pool=10, **SMALL))
    for _ in range(20):
        assert len(list(algo.weight_losses(ctx, BATCH))) == 1
    uniform = Streams(0, CPU).arch
    assert paths == [NB201.sample(uniform) for _ in range(20)]
    algo.on_interval(ctx)
    paths.clear()
    for _ in range(500):
        list(algo.weight_losses(ctx, BATCH))
    counts = [paths.count(arch) for arch in pool_of(algo)]
    assert sum(counts) == 500  # from the pool alone
    assert all(abs(count - 50) < 5 * 50**0.5 for count in counts)


def test_a_refresh_keeps_the_best_and_adds_better_ones() -> None:
    ctx, scores = context()
    algo = NAO(Config(pool=60, **SMALL))
    for before in (0, 60):
        assert len(pool_of(algo)) == before
        algo.on_interval(ctx)
        (*_, old), new = scores.asked, pool_of(algo)
        assert len(old) == len(new) == len(keys(NB201, new)) == len(keys(NB201, old)) == 60
        kept = keys(NB201, old) & keys(NB201, new)
        assert len(kept) == 30
        dropped = [arch for arch in old if arch not in new]
        assert convolutions(dropped).max() <= convolutions([a for a in old if a in new]).min()
        figures = algo.figures()
        assert figures["new_by_gradient"] + figures["new_at_random"] == 30
        assert figures["predictor_n"] == 12
        assert figures["predictor_kendall_tau"] > 0
        # Those by gradient come before those drawn; uniform ones would be as good as the first pool.
        climbed = new[30 : 30 + int(figures["new_by_gradient"])]
        assert len(climbed) > 10
        assert convolutions(climbed).mean() > convolutions(old).mean()


def test_the_predictor_is_tested_on_what_it_was_not_fitted_to() -> None:
    """Scores that are pure noise can be learned by heart, not predicted: the tau of 30 held-out ones has a
    standard deviation of .13, the mean over 4 pools one of .065."""
    taus = {}
    for name in ("noise", "convolutions"):
        noise = np.random.default_rng(3)
        quality = convolutions if name == "convolutions" else lambda archs, n=noise: n.normal(size=len(archs))
        ctx, _ = context(quality=quality)
        config = Config(pool=60, holdout=0.5, **SMALL)
        pools = [[NB201.sample(ctx.streams.arch) for _ in range(60)] for _ in range(4)]
        taus[name] = np.mean([PoolRound(ctx, p, config).figures["predictor_kendall_tau"] for p in pools])
    assert abs(taus["noise"]) < 0.25
    assert taus["convolutions"] > 0.5


def test_no_refresh_in_the_warm_up_nor_after_the_last_step() -> None:
    algo = NAO(Config(pool=4, warmup=0.5, **SMALL))
    for step, refreshed in ((4, False), (10, False), (5, True)):
        ctx, scores = context(step=step)
        algo.on_interval(ctx)
        assert (len(scores.asked), bool(pool_of(algo))) == (int(refreshed), refreshed)


def test_there_are_no_figures_before_the_first_refresh() -> None:
    ctx, _ = context()
    algo = NAO(Config(pool=20, holdout=0.0, **SMALL))
    before = algo.figures()
    assert math.isnan(before["predictor_kendall_tau"])
    assert [v for k, v in before.items() if k != "predictor_kendall_tau"] == [0, 0, 0]
    algo.on_interval(ctx)
    assert algo.figures().keys() == before.keys()
    assert math.isnan(algo.figures()["predictor_kendall_tau"])  # with nothing held out


def test_scores_that_are_no_numbers_are_the_worst() -> None:
    def quality(archs: Sequence[Arch]) -> np.ndarray:
        values = convolutions(archs)
        return np.where(values < 3, -np.inf, np.where(values == 3, np.nan, values))

    ctx, scores = context(quality=quality)
    algo = NAO(Config(pool=20, **SMALL))
    algo.on_interval(ctx)
    values = quality(scores.asked[0])
    assert np.isnan(values).any()
    assert 3 < np.isfinite(values).sum() < 17  # both kinds are there
    finite = [arch for arch, value in zip(scores.asked[0], values, strict=True) if np.isfinite(value)]
    kept = [arch for arch in pool_of(algo) if arch in scores.asked[0]]
    assert set(kept) <= set(finite) or set(finite) <= set(kept)


def last_choice(archs: Sequence[Arch]) -> np.ndarray:
    return np.array([float(sum(arch.choices)) for arch in archs])


@pytest.mark.parametrize("size", [2, 7, 100])
def test_a_small_space_with_rules_and_decisions_of_different_sizes(size: int, paths: list[Arch]) -> None:
    space = Toy()
    ctx, _ = context(space, last_choice)
    algo = NAO(Config(pool=size, **SMALL))
    for _ in range(2):
        algo.on_interval(ctx)
        pool = pool_of(algo, space)  # raises where one is not valid
        assert len(keys(space, pool)) == len(pool) == min(size, TOY_NETWORKS)
        list(algo.weight_losses(ctx, BATCH))
        assert paths[-1] in pool
    every = algo.propose(ctx, 50)
    assert len(keys(space, every)) == len(every) == TOY_NETWORKS
    assert algo.propose(ctx, 50) == []


def test_steps_lead_to_architectures_where_few_combinations_of_choices_are_some() -> None:
    space = DARTSSpace()
    ctx, _ = context(space, last_choice)
    algo = NAO(Config(pool=20, **SMALL))
    algo.on_interval(ctx)
    figures = algo.figures()
    assert figures["new_by_gradient"] >= 8
    assert figures["new_at_random"] == 0


def test_proposals_come_from_one_round_and_never_twice() -> None:
    ctx, scores = context()
    algo = NAO(Config(pool=40, **SMALL))
    algo.on_interval(ctx)
    pool = pool_of(algo)
    several = [algo.propose(ctx, 20) for _ in range(10)]
    assert [len(asked) for asked in scores.asked] == [40, 40]  # scored once more, for all calls
    assert set(scores.asked[1]) == set(pool)
    proposed = [arch for archs in several for arch in archs]
    assert len(keys(NB201, proposed)) == len(proposed) == 200
    best = sorted(convolutions(pool))[-10:]
    assert sorted(convolutions(several[0][:10])) == best
    assert not keys(NB201, several[0][10:]) & keys(NB201, pool)
    assert convolutions(several[0]).mean() > convolutions(pool).mean()


def test_proposals_without_any_refresh() -> None:
    ctx, _ = context(step=10)
    assert len(keys(NB201, NAO(Config(pool=10, **SMALL)).propose(ctx, 30))) == 30


def test_draws_come_from_the_arch_stream_alone() -> None:
    pools = []
    for seed, global_seed in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(global_seed)
        ctx, _ = context(seed=seed)
        algo = NAO(Config(pool=20, **SMALL))
        algo.on_interval(ctx)
        assert torch.initial_seed() == global_seed
        pools.append(pool_of(algo))
    assert pools[0] == pools[1] != pools[2]


def trained(reg: str) -> tuple[dict[int, Arch], NAO]:
    """The path of every step of a real training, refreshed after steps 12 and 18."""
    config = Config(pool=8, warmup=0.3, refresh_epochs=2, hidden=8, predictor_epochs=20)
    training = make(regularised() if reg == "landmark" else NoRegulariser(), algo=NAO(config))
    seen: dict[int, Arch] = {}
    loss = Context.loss

    def watched(ctx: Context, choice: Any, batch: Batch) -> torch.Tensor:
        seen.setdefault(ctx.step, choice)  # the algorithm's loss is a step's first
        return loss(ctx, choice, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "loss", watched)
        run(training)
    assert isinstance(training.algo, NAO)
    return seen, training.algo


def test_the_paths_are_the_same_with_and_without_the_regulariser_up_to_the_first_refresh() -> None:
    """After the refresh, the super-nets' scores differ, and so do the pools."""
    (without, alone), (with_it, regularised_too) = trained("none"), trained("landmark")
    assert {step: without[step] for step in range(6)} == {step: with_it[step] for step in range(6)}
    assert alone.state_dict()["pool"] != regularised_too.state_dict()["pool"]


def test_proposals_after_a_resume_are_those_of_never_stopping(tmp_path: Any) -> None:
    def new(seed: int = 0) -> Any:
        config = Config(pool=8, warmup=0.3, refresh_epochs=2, hidden=8, predictor_epochs=20)
        return make(regularised(), seed=seed, algo=NAO(config))

    straight = run(new())
    checkpoint.save(tmp_path / "c.pt", straight.state_dict(), "hash")
    expected = straight.algo.propose(straight.ctx, 12)
    resumed = new(seed=99)
    resumed.load_state_dict(checkpoint.load(tmp_path / "c.pt", "hash", CPU))
    assert resumed.algo.propose(resumed.ctx, 12) == expected
    assert_same(resumed.state_dict(), straight.state_dict())


def test_proposals_in_the_midst_of_a_training_are_not_taken_for_later_ones(paths: list[Arch]) -> None:
    """A proposal between two rounds of landmarks uses the weights of that time."""
    batch = Batch(torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.long))
    ctx, scores = context()
    algo = NAO(Config(pool=10, **SMALL))
    algo.propose(ctx, 5)
    algo.propose(ctx, 5)
    assert len(scores.asked) == 1
    list(algo.weight_losses(ctx, batch))
    algo.propose(ctx, 5)
    assert len(scores.asked) == 2
