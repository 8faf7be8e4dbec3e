from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from lmreg.context import Context
from lmreg.data.base import Part
from lmreg.data.images import Batch, BatchStream, Split
from lmreg.errors import LmregError
from lmreg.network.nasbench201 import Network
from lmreg.reg.landmark import Config, Landmark
from lmreg.space.nasbench201 import NASBench201
from lmreg.streams import Streams
from lmreg.task.classification import Classification
from lmreg.truth import LandmarkSet

CPU = torch.device("cpu")


def landmark_set(space: NASBench201, scores: list[float]) -> LandmarkSet:
    archs = list(space.enumerate())[:: 15_625 // len(scores)][: len(scores)]
    table = pd.DataFrame({"arch": [space.format(a) for a in archs], "acc": scores})
    return LandmarkSet.from_table(table, space, "acc", +1)


class FixedLosses(Context):
    """A context in which the loss of an architecture is a parameter of its own."""

    def loss(self, arch: object, batch: object) -> Tensor:
        return self.values[arch] * 1.0  # type: ignore[attr-defined]


@pytest.fixture
def ctx(space: NASBench201, net: Network) -> FixedLosses:
    streams = Streams(0, CPU)
    part = Part(np.zeros((8, 8, 8, 1), np.uint8), np.zeros(8, np.int64))
    batches = BatchStream(Split(part, torch.zeros(1), torch.ones(1), 0, False), 4, streams.rank)
    return FixedLosses(space, net, Classification(), streams, batches, total_steps=100, step=100)


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
    """Better landmark loses 1.5, worse 1.0: λ · max(0, 1.5 − 1.0) with λ = 10 at the end."""
    landmarks = landmark_set(space, [80.0, 70.0])
    better, worse = set_losses(ctx, landmarks, [1.5, 1.0])
    reg = Landmark(Config(weight=10, warmup=0.4), landmarks)
    assert back_propagate(reg.terms(ctx, BATCH)) == [pytest.approx(5.0)]
    assert better.grad == 10.0  # both sides are pulled, in opposite directions
    assert worse.grad == -10.0
    assert reg.figures() == {"reg_weight": 10.0, "violated_share": 1.0, "hinge_nats": 0.5}


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


def test_pairs_are_uniform_and_ordered_by_score(ctx: FixedLosses, space: NASBench201) -> None:
    landmarks = landmark_set(space, [60.0, 80.0, 70.0])  # given in any order
    assert landmarks.scores.tolist() == [80.0, 70.0, 60.0]
    set_losses(ctx, landmarks, [3.0, 2.5, 1.0])
    reg = Landmark(Config(weight=1), landmarks)
    drawn = [back_propagate(reg.terms(ctx, BATCH))[0] for _ in range(3_000)]
    counts = pd.Series(drawn).value_counts()
    assert set(counts.index) == {0.5, 1.5, 2.0}
    assert (abs(counts - 1_000) < 5 * 1_000**0.5).all()


def test_ties_are_no_pairs(space: NASBench201) -> None:
    assert landmark_set(space, [80.0, 70.0, 70.0]).pairs().tolist() == [[0, 1], [0, 2]]
    with pytest.raises(LmregError, match="no pair with clearly different acc"):
        landmark_set(space, [70.0, 70.0]).pairs()


def test_pairs_within_the_noise_are_left_out(space: NASBench201) -> None:
    archs = [space.format(space.arch((i,) * 6)) for i in range(3)]
    table = pd.DataFrame({"arch": archs, "acc": [80.0, 79.0, 70.0], "acc_se": [0.6, 0.8, float("nan")]})
    landmarks = LandmarkSet.from_table(table, space, "acc", +1)
    assert landmarks.pairs(min_gap_se=1.0).tolist() == [[0, 1], [0, 2], [1, 2]]  # the gap's error is 1.0
    assert landmarks.pairs(min_gap_se=1.1).tolist() == [[0, 2], [1, 2]]


def test_lower_is_better_turns_the_order(space: NASBench201) -> None:
    archs = [space.arch((0,) * 6), space.arch((3,) * 6)]
    table = pd.DataFrame({"arch": [space.format(a) for a in archs], "error": [0.9, 0.1]})
    assert LandmarkSet.from_table(table, space, "error", -1).archs == (archs[1], archs[0])


def test_without_landmarks_it_is_refused() -> None:
    with pytest.raises(LmregError, match="train-landmarks"):
        Landmark(Config(), None)
