from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lmreg.rank import correlation
from lmreg.rank.correlation import (
    Draws,
    in_top_half,
    kendall_tau_b,
    kendall_tau_top_half,
    resamples,
    spearman,
)


@pytest.fixture(params=[False, True], ids=["distinct", "ties"])
def data(request: pytest.FixtureRequest, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    truth = rng.normal(size=40)
    score = truth + rng.normal(size=40)
    return (truth.round(1), score.round()) if request.param else (truth, score)


def test_equal_to_scipy_on_the_pool_and_on_every_resample(data: tuple[np.ndarray, np.ndarray]) -> None:
    truth, score = data
    draws = resamples(40, 30, seed=0)
    taus, rhos = kendall_tau_b(truth, score, draws), spearman(truth, score, draws)
    for draw, tau, rho in zip(draws, taus, rhos, strict=True):
        chosen = np.repeat(np.arange(40), draw.astype(int))
        assert tau == pytest.approx(stats.kendalltau(truth[chosen], score[chosen]).statistic, abs=1e-12)
        assert rho == pytest.approx(stats.spearmanr(truth[chosen], score[chosen]).statistic, abs=1e-12)


@pytest.mark.parametrize("digits", [8, 2, 0], ids=["distinct", "ties", "many ties"])
def test_equal_to_scipy_with_too_many_pairs_for_a_matrix(digits: int, rng: np.random.Generator) -> None:
    truth = rng.normal(size=20_000)
    score = (truth + rng.normal(size=20_000)).round(digits)
    truth = truth.round(digits)
    draws = resamples(20_000, 2, seed=0)
    for draw, tau in zip(draws, kendall_tau_b(truth, score, draws), strict=True):
        chosen = np.repeat(np.arange(20_000), draw.astype(int))
        assert tau == pytest.approx(stats.kendalltau(truth[chosen], score[chosen]).statistic, abs=1e-13)


def test_top_half_is_tau_among_the_better_half_of_every_resample(data: tuple[np.ndarray, np.ndarray]) -> None:
    truth, score = data
    draws = resamples(40, 30, seed=0)
    for draw, tau in zip(draws, kendall_tau_top_half(truth, score, draws), strict=True):
        chosen = np.repeat(np.arange(40), draw.astype(int))
        edge = np.sort(truth[chosen])[20]  # the 20th best of 40; ties with it are included
        best = chosen[truth[chosen] >= edge]
        assert tau == pytest.approx(stats.kendalltau(truth[best], score[best]).statistic, abs=1e-12)


def test_top_half_by_hand() -> None:
    truth, once = np.array([5.0, 4, 3, 2, 1]), np.ones((1, 5))
    assert in_top_half(truth, once).tolist() == [[True, True, True, False, False]]
    assert kendall_tau_top_half(truth, np.array([3.0, 2, 1, 9, 8]), once) == 1
    assert kendall_tau_top_half(truth, np.array([1.0, 2, 3, 0, 0]), once) == -1


def test_tau_by_hand() -> None:
    once = np.ones((1, 4))
    truth = np.array([1.0, 2, 3, 4])
    assert kendall_tau_b(truth, truth, once) == 1
    assert kendall_tau_b(truth, -truth, once) == -1
    assert kendall_tau_b(truth, np.array([1.0, 3, 2, 4]), once) == pytest.approx(
        4 / 6
    )  # one of 6 pairs is inverted
    assert np.isnan(kendall_tau_b(truth, np.ones(4), once))
    assert np.isnan(spearman(truth, np.ones(4), once))


def test_resamples_start_with_everything_once() -> None:
    draws = resamples(7, 10, seed=1)
    assert draws.shape == (11, 7)
    assert (draws[0] == 1).all()
    assert (draws.sum(1) == 7).all()
    assert np.array_equal(draws, resamples(7, 10, seed=1))


def test_resamples_in_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """They equal those that lmreg 0.1.0 drew at once, so that old intervals can be reproduced."""
    at_once = np.random.default_rng(1).multinomial(30, np.full(30, 1 / 30), size=10)
    monkeypatch.setattr(correlation, "_PART", 100)
    parts = list(Draws(30, 10, seed=1).parts())
    assert [len(part) for part in parts] == [1, 3, 3, 3, 1]
    assert np.array_equal(np.concatenate(parts)[1:], at_once)
