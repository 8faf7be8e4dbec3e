from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch
from tests.train.contexts import make_context
from torch import Tensor

from lmreg.data.base import Part
from lmreg.data.images import Batch, BatchStream, Split
from lmreg.errors import LmregError
from lmreg.landmarks.truth import LandmarkSet
from lmreg.network.nasbench201 import NASBench201Network
from lmreg.reg.landmark import Config, Landmark
from lmreg.space.nasbench201 import NASBench201
from lmreg.train.context import Context
from lmreg.train.random_streams import Streams

CPU = torch.device("cpu")


def landmark_set(space: NASBench201, scores: list[float]) -> LandmarkSet:
    archs = list(space.enumerate())[:: 15_625 // len(scores)][: len(scores)]
    table = pd.DataFrame({"arch": [space.format(a) for a in archs], "acc": scores})
    return LandmarkSet.from_table(table, space, "acc", +1)


class FixedLosses(Context):
    """A context in which each architecture's loss is a parameter."""

    def loss(self, arch: object, batch: object) -> Tensor:
        return self.values[arch] * 1.0  # type: ignore[attr-defined]


@pytest.fixture
def ctx(space: NASBench201, net: NASBench201Network) -> FixedLosses:
    streams = Streams(0, CPU)
    part = Part(np.zeros((8, 8, 8, 1), np.uint8), np.zeros(8, np.int64))
    batches = BatchStream(Split(part, torch.zeros(1), torch.ones(1), 0, False), 4, streams.rank)
    return make_context(space, net, streams, 100, FixedLosses, rank_batches=batches, step=100)


def set_losses(ctx: FixedLosses, landmarks: LandmarkSet, losses: list[float]) -> list[Tensor]:
    """Losses in the order of the landmarks, best first."""
    values = [torch.tensor(loss, requires_grad=True) for loss in losses]
    ctx.values = dict(zip(landmarks.archs, values, strict=True))  # type: ignore[attr-defined]
    return values


def back_propagate(terms: Iterator[Tensor]) -> list[float]:
    values = []
    for term in terms:
        term.backward()
        values.append(term.item())
    return values


BATCH = Batch(torch.zeros(1), torch.zeros(1))


def test_a_violated_pair_by_hand(ctx: FixedLosses, space: NASBench201) -> None:
    """The better landmark's loss is 1.5, the worse one's 1.0: λ · max(0, 1.5 − 1.0), with λ = 10 at the
    end."""
    landmarks = landmark_set(space, [80.0, 70.0])
    better, worse = set_losses(ctx, landmarks, [1.5, 1.0])
    reg = Landmark(Config(weight=10, warmup=0.4), landmarks)
    assert back_propagate(reg.terms(ctx, BATCH)) == [pytest.approx(5.0)]
    assert better.grad == 10.0  # both sides are pulled, in opposite directions
    assert worse.grad == -10.0
    assert reg.figures() == {"reg_weight": 10.0, "violated_share": 1.0, "pair_loss": 0.5}


def test_a_satisfied_pair_costs_nothing(ctx: FixedLosses, space: NASBench201) -> None:
    landmarks = landmark_set(space, [80.0, 70.0])
    better, worse = set_losses(ctx, landmarks, [1.0, 1.5])
    reg = Landmark(Config(), landmarks)
    assert back_propagate(reg.terms(ctx, BATCH)) == []
    assert better.grad is None
    assert worse.grad is None
    assert reg.figures()["violated_share"] == 0.0


def test_lambda_follows_warmup_and_schedule(ctx: FixedLosses, space: NASBench201) -> None:
    landmarks = landmark_set(space, [80.0, 70.0])
    set_losses(ctx, landmarks, [2.0, 1.0])
    reg = Landmark(Config(weight=8, warmup=0.4), landmarks)
    terms = {}
    for step in (0, 39, 70, 100):
        ctx.step = step
        terms[step] = back_propagate(reg.terms(ctx, BATCH))
    assert terms == {0: [], 39: [], 70: [pytest.approx(4.0)], 100: [pytest.approx(8.0)]}


def test_m_pairs_are_summed_without_repetition(ctx: FixedLosses, space: NASBench201) -> None:
    landmarks = landmark_set(space, [80.0, 70.0, 60.0])
    set_losses(ctx, landmarks, [3.0, 2.0, 1.0])  # all three pairs are violated, by 1, 2 and 1
    reg = Landmark(Config(weight=1, pairs=3), landmarks)
    assert sorted(back_propagate(reg.terms(ctx, BATCH))) == [1.0, 1.0, 2.0]


@pytest.mark.parametrize(("sampler", "pairs"), [("uniform", 1), ("uniform", 9), ("all", 1), ("triples", 1)])
def test_a_step_of_several_paths_weighs_as_much_as_steps_of_one(
    ctx: FixedLosses, space: NASBench201, sampler: str, pairs: int
) -> None:
    """Even if there are fewer pairs than requested."""
    landmarks = landmark_set(space, [80.0, 70.0, 60.0])
    set_losses(ctx, landmarks, [3.0, 2.0, 1.0])  # all three pairs are violated, by 1, 2 and 1
    reg = Landmark(Config(weight=1, sampler=sampler, pairs=pairs), landmarks)
    one = np.mean([sum(back_propagate(reg.terms(ctx, BATCH))) for _ in range(500)])
    ctx.paths_per_step = 5
    several = np.mean([sum(back_propagate(reg.terms(ctx, BATCH))) for _ in range(500)])
    assert several == pytest.approx(5 * one, rel=0.05)


def test_its_pairs_differ_and_are_evaluated_once(ctx: FixedLosses, space: NASBench201) -> None:
    landmarks = landmark_set(space, [90.0 - i for i in range(12)])
    set_losses(ctx, landmarks, [2.0**-i for i in range(12)])  # no two pairs cost the same
    ctx.paths_per_step = 5
    terms = back_propagate(Landmark(Config(weight=1, pairs=2), landmarks).terms(ctx, BATCH))
    assert len(set(terms)) == len(terms) == 10


def test_pairs_are_uniform_and_ordered_by_score(ctx: FixedLosses, space: NASBench201) -> None:
    landmarks = landmark_set(space, [60.0, 80.0, 70.0])  # given in any order
    assert landmarks.scores.tolist() == [80.0, 70.0, 60.0]
    set_losses(ctx, landmarks, [3.0, 2.5, 1.0])
    reg = Landmark(Config(weight=1), landmarks)
    drawn = [back_propagate(reg.terms(ctx, BATCH))[0] for _ in range(1_500)]
    counts = pd.Series(drawn).value_counts()
    assert set(counts.index) == {0.5, 1.5, 2.0}
    assert (abs(counts - 500) < 5 * 500**0.5).all()


def test_ties_are_no_pairs(space: NASBench201) -> None:
    assert landmark_set(space, [80.0, 70.0, 70.0]).pairs().tolist() == [[0, 1], [0, 2]]
    with pytest.raises(LmregError, match="no pair with clearly different acc; each has 70: train") as error:
        landmark_set(space, [70.0, 70.0]).pairs()
    assert "landmarks.score=loss" in str(error.value)
    assert "min_gap_se" not in str(error.value)


def test_pairs_within_the_noise_are_left_out(space: NASBench201) -> None:
    archs = [space.format(space.arch((i,) * 6)) for i in range(3)]
    table = pd.DataFrame({"arch": archs, "acc": [80.0, 79.0, 70.0], "acc_se": [0.6, 0.8, 0.0]})
    landmarks = LandmarkSet.from_table(table, space, "acc", +1)
    # Pooled, the error of every gap is √(2 · (0.6² + 0.8² + 0) / 3) = 0.816.
    assert landmarks.pairs(min_gap_se=1.2).tolist() == [[0, 1], [0, 2], [1, 2]]
    assert landmarks.pairs(min_gap_se=1.25).tolist() == [[0, 2], [1, 2]]
    with pytest.raises(LmregError, match=r"lower reg\.min_gap_se"):
        landmarks.pairs(min_gap_se=100)


def test_two_trainings_that_agree_by_chance_let_no_pair_in(space: NASBench201) -> None:
    """With each landmark's own error from two seeds, which is sometimes near zero, four times as many pairs
    are wrong."""
    rng, wrong, admitted = np.random.default_rng(0), 0, 0
    archs = [space.format(space.arch((i % 5, i // 5 % 5, i // 25, 0, 0, 0))) for i in range(30)]
    for _ in range(20):
        true = rng.normal(size=30)
        seeds = true[:, None] + 0.5 * rng.normal(size=(30, 2))
        errors = seeds.std(1, ddof=1) / np.sqrt(2)
        table = pd.DataFrame({"arch": archs, "acc": seeds.mean(1), "acc_se": errors})
        landmarks = LandmarkSet.from_table(table, space, "acc", +1)
        better, worse = landmarks.pairs(min_gap_se=2).T
        known = dict(zip(archs, true, strict=True))
        order = np.array([known[space.format(arch)] for arch in landmarks.archs])
        wrong, admitted = wrong + (order[better] < order[worse]).sum(), admitted + len(better)
    assert wrong / admitted < 0.012  # 0.006 with the pooled error, 0.024 with each one's own


def test_a_gap_in_standard_errors_needs_standard_errors(space: NASBench201) -> None:
    with pytest.raises(LmregError, match=r"min_gap_se=1 needs standard errors.*landmarks.seeds=2"):
        landmark_set(space, [80.0, 70.0]).pairs(min_gap_se=1.0)


def test_lower_is_better_turns_the_order(space: NASBench201) -> None:
    archs = [space.arch((0,) * 6), space.arch((3,) * 6)]
    table = pd.DataFrame({"arch": [space.format(a) for a in archs], "error": [0.9, 0.1]})
    assert LandmarkSet.from_table(table, space, "error", -1).archs == (archs[1], archs[0])


def test_without_landmarks_it_is_refused() -> None:
    with pytest.raises(LmregError, match="train-landmarks"):
        Landmark(Config(), None)


def total_of(reg: Landmark, ctx: FixedLosses) -> float:
    return sum(back_propagate(reg.terms(ctx, BATCH)))


@pytest.mark.parametrize("sampler", ["all", "triples"])
def test_pairs_that_share_landmarks_are_one_term(ctx: FixedLosses, space: NASBench201, sampler: str) -> None:
    """Losses 3, 1, 2 best first: d = 2 (0, 1), 1 (0, 2), −1 (1, 2); gradients by hand."""
    landmarks = landmark_set(space, [80.0, 70.0, 60.0])
    values = set_losses(ctx, landmarks, [3.0, 1.0, 2.0])
    reg = Landmark(Config(weight=10, sampler=sampler), landmarks)
    assert total_of(reg, ctx) == pytest.approx(10 * (2 + 1))
    assert [v.grad.item() for v in values] == [20.0, -10.0, -10.0]
    assert reg.figures() == {"reg_weight": 10.0, "violated_share": pytest.approx(2 / 3), "pair_loss": 1.0}


def test_a_pair_loss_and_its_options_arrive(ctx: FixedLosses, space: NASBench201) -> None:
    landmarks = landmark_set(space, [80.0, 70.0])
    set_losses(ctx, landmarks, [1.0, 1.3])
    assert total_of(Landmark(Config(weight=1, pair_loss="margin", margin=0.5), landmarks), ctx) == (
        pytest.approx(0.2)
    )
    assert total_of(Landmark(Config(weight=1, pair_loss="inverse"), landmarks), ctx) == pytest.approx(0.3)
    reg = Landmark(Config(weight=1, pair_loss="softplus", beta=5), landmarks)
    assert total_of(reg, ctx) == pytest.approx(np.log1p(np.exp(-1.5)) / 5)
    assert reg.figures()["violated_share"] == 0.0  # it costs something, yet the order is right


def test_gap_weights_are_relative_to_the_mean_gap(ctx: FixedLosses, space: NASBench201) -> None:
    """Gaps 10, 30, 20 have the mean 20, so pairs weigh 0.5, 1.5 and 1."""
    landmarks = landmark_set(space, [80.0, 70.0, 50.0])
    set_losses(ctx, landmarks, [3.0, 2.0, 1.0])
    reg = Landmark(Config(weight=1, sampler="all", gap_weighted=True), landmarks)
    assert total_of(reg, ctx) == pytest.approx(0.5 * 1 + 1.5 * 2 + 1 * 1)
    fractions = landmark_set(space, [0.8, 0.7, 0.5])
    set_losses(ctx, fractions, [3.0, 2.0, 1.0])
    reg = Landmark(Config(weight=1, sampler="all", gap_weighted=True), fractions)
    assert total_of(reg, ctx) == pytest.approx(4.5)  # percent or fraction makes no difference


@pytest.mark.parametrize(("side", "gradients"), [("better", (None, -10.0)), ("worse", (10.0, None))])
def test_a_detached_side_gets_no_gradient(
    ctx: FixedLosses, space: NASBench201, side: str, gradients: tuple[float | None, float | None]
) -> None:
    landmarks = landmark_set(space, [80.0, 70.0])
    values = set_losses(ctx, landmarks, [1.5, 1.0])
    assert total_of(Landmark(Config(weight=10, detach=side), landmarks), ctx) == pytest.approx(5.0)
    assert tuple(None if v.grad is None else v.grad.item() for v in values) == gradients


def test_which_images_it_acts_on(
    ctx: FixedLosses, space: NASBench201, monkeypatch: pytest.MonkeyPatch
) -> None:
    landmarks = landmark_set(space, [80.0, 70.0])
    set_losses(ctx, landmarks, [1.5, 1.0])
    seen, loss = [], FixedLosses.loss
    monkeypatch.setattr(
        FixedLosses, "loss", lambda s, arch, batch: (seen.append(batch), loss(s, arch, batch))[1]
    )
    total_of(Landmark(Config(batch="train"), landmarks), ctx)
    assert [b is BATCH for b in seen] == [True, True]
    seen.clear()
    total_of(Landmark(Config(), landmarks), ctx)
    assert len(seen[0].targets) == 4  # the context's rank batches
    assert seen[0] is seen[1]  # one batch for both
    assert Landmark(Config(batch_size=16), landmarks).batch_size == 16
    with pytest.raises(ValueError, match="batch_size goes with batch=rank"):
        Config(batch="train", batch_size=16)


def test_all_pairs_at_once_have_the_gradient_of_all_pairs_one_by_one(
    space: NASBench201, net: NASBench201Network
) -> None:
    """On a real network, in which landmarks share weights and graphs are recomputed in the backward pass."""
    landmarks = landmark_set(space, [80.0, 70.0, 60.0, 50.0])
    gradients = {}
    for sampler in ("all", "uniform"):
        streams = Streams(0, CPU)
        pixels = np.random.default_rng(1).integers(255, size=(8, 8, 8, 1), dtype=np.uint8)
        part = Part(pixels, np.arange(8) % 3)
        batches = BatchStream(Split(part, torch.full((1,), 99.0), torch.ones(1), 0, False), 8, streams.rank)
        ctx = make_context(space, net, streams, 100, rank_batches=batches, step=100)
        net.zero_grad()
        back_propagate(Landmark(Config(sampler=sampler, pairs=6), landmarks).terms(ctx, BATCH))
        gradients[sampler] = torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None])
    assert gradients["all"].abs().sum() > 0
    torch.testing.assert_close(gradients["all"], gradients["uniform"], rtol=1e-4, atol=1e-4)
