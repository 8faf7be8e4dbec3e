from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from lmreg.landmarks.truth import LandmarkSet
from lmreg.rank import correlation
from lmreg.rank.correlation import Draws
from lmreg.rank.statistics import ResampledTruth, full_scale
from lmreg.space.base import Arch


def pool(scores: list[float], column: str, sign: int = 1) -> LandmarkSet:
    archs = tuple(Arch("s", (i,)) for i in range(len(scores)))
    return LandmarkSet(archs, np.array(scores), np.full(len(scores), np.nan), column, sign)


@pytest.mark.parametrize(
    ("scores", "column", "sign", "scale"),
    [
        ([10.0, 94.3], "cifar10_test_acc_percent", 1, 100),
        ([0.5, 0.7], "error_percent", -1, 100),
        ([0.1, 0.943], "accuracy", 1, 1),
        ([10.0, 94.3], "accuracy", 1, 100),
        ([2.5, 4.5], "loss_nats", -1, 2),
        ([2.0, 2.0], "loss_nats", -1, 1),
    ],
)
def test_the_full_scale_of_the_truth(scores: list[float], column: str, sign: int, scale: float) -> None:
    assert full_scale(pool(scores, column, sign)) == scale


def test_names_sizes_and_values(rng: np.random.Generator) -> None:
    truth = rng.uniform(80, 95, size=101)
    score = truth + rng.normal(size=101)
    found = ResampledTruth(truth, Draws(101, 100, 0), 100.0, 0.95).estimates(score, [5, 10])
    assert list(found) == [
        *("kendall_tau", "kendall_tau_sparse_0.1", "kendall_tau_sparse_1", "spearman"),
        *("kendall_tau_top_half", "regret", "true_rank", "precision_at_5", "precision_at_10"),
    ]
    assert {name: figure.n for name, figure in found.items() if figure.n != 101} == {
        "kendall_tau_top_half": 51
    }
    for name, digits in (("0.1", 1), ("1", 0)):
        expected = stats.kendalltau(truth.round(digits), score).statistic
        assert found[f"kendall_tau_sparse_{name}"].value == pytest.approx(expected)
    for figure in found.values():
        assert figure.low <= figure.value <= figure.high
    assert found["kendall_tau"].value != found["kendall_tau_sparse_1"].value


def test_a_thousand_architectures_take_a_few_seconds(rng: np.random.Generator) -> None:
    truth = rng.normal(size=1000)
    truths = ResampledTruth(truth, Draws(1000, 2000, 0), 100.0, 0.95)
    start = time.process_time()
    truths.estimates(truth + rng.normal(size=1000), [5, 10])
    assert time.process_time() - start < 10  # about one second, with a margin for slow machines


@pytest.mark.parametrize("rounded", [False, True])
def test_statistics_do_not_depend_on_the_parts(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, rounded: bool
) -> None:
    truth = rng.normal(size=50).round(1 if rounded else 8)
    score = (truth + rng.normal(size=50)).round(0 if rounded else 8)
    truths = ResampledTruth(truth, Draws(50, 100, 0), 10.0, 0.95)
    whole = truths.estimates(score, [5])
    monkeypatch.setattr(correlation, "_PART", 700)
    assert truths.estimates(score, [5]) == whole


def test_the_taus_of_a_score_are_computed_once(rng: np.random.Generator) -> None:
    scores = rng.uniform(0, 1, 40)
    archs = tuple(Arch("nasbench201", (i,)) for i in range(40))
    pool = LandmarkSet(archs, scores, np.full(40, np.nan), "accuracy", 1)
    ranked = rng.uniform(0, 1, 40)
    alone = ResampledTruth.of(pool, 100, 0, 0.95)
    before = alone.taus(ranked)
    np.testing.assert_array_equal(before, alone.statistic(correlation.kendall_tau_b, ranked))
    assert alone.taus(ranked.copy()) is before
    other = ResampledTruth.of(pool, 100, 0, 0.95)
    estimates = other.estimates(ranked, [5])
    np.testing.assert_array_equal(other.taus(ranked), before)
    assert estimates["kendall_tau"].value == before[0]
