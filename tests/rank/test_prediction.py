from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lmreg.landmarks.truth import LandmarkSet
from lmreg.predictor.base import Prediction, normal_scores
from lmreg.rank.pool import Ranking
from lmreg.rank.prediction import (
    GP,
    VOTE,
    WITH_SUPER_NET,
    Predicted,
    combination,
    known_of,
    left_out_tau,
    predictions,
    recommendation,
    recommended,
)
from lmreg.rank.statistics import ResampledTruth
from lmreg.space.nasbench201 import NASBench201

SCORES = np.arange(30.0)


def predicted(name: str, noise: float, values: np.ndarray | None = None) -> Predicted:
    """Return what predicts left-out landmarks of these scores with some noise, up to the sign of it."""
    errors = np.random.default_rng(0).normal(0, abs(noise), 30)
    values = np.arange(8.0) if values is None else values
    return of(name, values, np.copysign(1, noise) * (SCORES + errors))


def of(name: str, values: np.ndarray, left_out: np.ndarray) -> Predicted:
    unknown = np.full(len(left_out) + len(values), np.nan)
    return Predicted(Ranking(values, baseline=name), Prediction(unknown, unknown, left_out))


@pytest.fixture
def sets(space: NASBench201, rng: np.random.Generator) -> tuple[LandmarkSet, LandmarkSet, pd.DataFrame]:
    """Landmarks, pool and two training-free scores, of which the number of 3x3 convolutions is the truth."""
    archs = list({space.canonical(a): a for a in (space.sample(rng) for _ in range(80))}.values())
    convolutions = np.array([space.format(arch).count("3x3") for arch in archs], float)
    texts = [space.format(arch) for arch in archs]
    noise = rng.normal(size=len(archs))
    proxies = pd.DataFrame({"good": convolutions + noise, "bad": noise}, index=texts)
    truth = 100 - convolutions
    made = [
        LandmarkSet(tuple(archs[some]), truth[some], np.full(len(truth[some]), np.nan), "error", -1)
        for some in (slice(0, 30), slice(30, None))
    ]
    return made[0], made[1], proxies


def test_every_predictor_ranks_the_pool(
    space: NASBench201, sets: tuple[LandmarkSet, LandmarkSet, pd.DataFrame]
) -> None:
    landmarks, pool, proxies = sets
    found = {one.name: one for one in predictions(known_of(space, landmarks, pool.archs, proxies.to_numpy()))}
    assert list(found) == ["gp", "ridge", "vote"]
    truth, scores = ResampledTruth.of(pool, 100, 0, 0.95), -landmarks.scores
    taus = recommendation(list(found.values()), scores, truth).set_index("ranking")["kendall_tau"]
    assert taus["ridge"] > 0.8  # errors are better if lower
    assert taus["gp"] > taus["vote"] > 0.3
    assert [found[name].ranking.landmarks for name in found] == [30, 30, 0]
    left_out = {name: left_out_tau(scores, one.left_out) for name, one in found.items()}
    assert left_out["ridge"] > 0.8
    assert left_out["gp"] > left_out["vote"]


def test_without_training_free_scores_there_is_no_vote(
    space: NASBench201, sets: tuple[LandmarkSet, LandmarkSet, pd.DataFrame]
) -> None:
    landmarks, pool, proxies = sets
    known = known_of(space, landmarks, pool.archs, proxies[[]].to_numpy())
    assert [one.name for one in predictions(known)] == ["gp", "ridge"]


def test_a_super_net_that_knows_something_gets_weight(rng: np.random.Generator) -> None:
    targets = normal_scores(rng.normal(size=60))
    vague = normal_scores(targets + rng.normal(0, 1.5, 60))
    knows, guesses = normal_scores(targets + rng.normal(0, 0.7, 60)), rng.normal(size=60)
    good, none = combination(targets, vague, knows), combination(targets, vague, guesses)
    assert good.of_super_net > 0.3
    assert abs(none.of_super_net) < 0.2
    assert np.corrcoef(good.left_out, targets)[0, 1] > np.corrcoef(vague, targets)[0, 1] + 0.1
    assert np.corrcoef(none.left_out, targets)[0, 1] < np.corrcoef(vague, targets)[0, 1] + 0.05


def test_few_landmarks_change_the_weights_little(rng: np.random.Generator) -> None:
    targets = np.array([1.0, -1.0])
    found = combination(targets, targets, -targets)
    assert found.of_prediction == pytest.approx(1, abs=0.25)
    assert found.of_super_net == pytest.approx(0, abs=0.05)


def test_left_out_is_what_the_others_would_say(rng: np.random.Generator) -> None:
    """Leave each landmark out in turn, with the same noise, which all of them tell."""
    targets, base, net = (rng.normal(size=12) for _ in range(3))
    noise = np.var(targets - base)
    expected = []
    for i in range(12):
        rows = np.arange(12) != i
        features = np.column_stack([base, net])
        inverse = np.linalg.inv(features[rows].T @ features[rows] / noise + np.diag([16, 1 / 0.09]))
        change = inverse @ features[rows].T @ (targets[rows] - base[rows]) / noise
        expected.append(features[i] @ (np.array([1, 0]) + change))
    assert combination(targets, base, net).left_out == pytest.approx(np.array(expected))


@pytest.mark.parametrize(
    ("noise", "chosen"),
    [
        ({GP: 12, VOTE: 11, "ridge": 30}, GP),  # within what 30 landmarks can tell
        ({GP: 40, VOTE: 8, "ridge": 12}, VOTE),
        ({GP: 40, VOTE: 30, "ridge": 8}, "ridge"),
        ({GP: 20, VOTE: 19, WITH_SUPER_NET: 8}, WITH_SUPER_NET),
        ({GP: 20, VOTE: 19, WITH_SUPER_NET: 19.9}, GP),
        ({GP: -8, VOTE: -8, WITH_SUPER_NET: -30}, GP),
    ],
)
def test_left_out_landmarks_decide(noise: dict[str, float], chosen: str) -> None:
    assert recommended([predicted(name, it) for name, it in noise.items()], SCORES).name == chosen


def test_few_landmarks_decide_nothing() -> None:
    scores = np.array([1.0, 2, 3])
    right, wrong = scores, scores[[1, 0, 2]]
    some = [of(name, scores, it) for name, it in ((GP, wrong), (VOTE, right))]
    assert recommended(some, scores).name == GP


def test_the_pool_has_no_say(sets: tuple[LandmarkSet, LandmarkSet, pd.DataFrame]) -> None:
    pool = sets[1]
    truth = ResampledTruth.of(pool, 100, 0, 0.95)
    right, wrong = truth.values, -truth.values
    table = recommendation([predicted(GP, 5, wrong), predicted(VOTE, 20, right)], SCORES, truth)
    rows = table.set_index("ranking")
    assert rows.loc[GP, "recommended"]
    assert not rows.loc[VOTE, "recommended"]
    assert rows.loc[GP, "kendall_tau"] == -1
    assert rows.loc[GP, ["over", "gain"]].tolist() == [VOTE, -2]
    assert rows.loc[GP, "gain_low"] <= -2 <= rows.loc[GP, "gain_high"]
    assert rows.loc[VOTE, "over"] == ""
    assert np.isnan(rows.loc[VOTE, "gain"])


@pytest.mark.parametrize("count", [2, 3])
def test_two_or_three_landmarks_choose_nothing(count: int) -> None:
    scores = np.arange(float(count))
    some = [of(name, scores, it) for name, it in ((GP, -scores), (VOTE, scores))]
    assert recommended(some, scores).name == GP
