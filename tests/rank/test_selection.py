from __future__ import annotations

import itertools

import numpy as np
import pytest

from lmreg.rank.correlation import resamples
from lmreg.rank.selection import precision_at, regret, true_rank

ONCE = np.ones((1, 4))
TRUTH = np.array([9.0, 7, 6, 1])


def test_by_hand() -> None:
    score = np.array([1.0, 3, 2, 0])  # the second best is ranked first, the best third
    assert regret(TRUTH, score, ONCE) == 2
    assert true_rank(TRUTH, score, ONCE) == 2
    assert precision_at(1)(TRUTH, score, ONCE) == 0
    assert precision_at(2)(TRUTH, score, ONCE) == 0.5
    assert precision_at(3)(TRUTH, score, ONCE) == 1
    assert np.isnan(precision_at(5)(TRUTH, score, ONCE))


def test_ties_count_with_their_mean() -> None:
    score = np.array([2.0, 0, 0, 2])  # the best and the worst share the first place
    assert regret(TRUTH, score, ONCE) == 4
    assert true_rank(TRUTH, score, ONCE) == 2.5
    assert precision_at(1)(TRUTH, score, ONCE) == 0.5
    assert precision_at(3)(TRUTH, score, ONCE) == pytest.approx(
        2 / 3
    )  # the best, and one of two tied ones, both good
    assert precision_at(2)(TRUTH, np.zeros(4), ONCE) == 0.5  # all tied: chance


@pytest.mark.parametrize("digits", [5, 0])
def test_a_perfect_ranking_is_perfect_on_every_resample(digits: int, rng: np.random.Generator) -> None:
    truth = rng.normal(size=30).round(digits)
    draws = resamples(30, 100, seed=0)
    assert (regret(truth, truth, draws) == 0).all()
    assert (true_rank(truth, truth, draws) == 1).all()
    assert precision_at(7)(truth, truth, draws) == pytest.approx(np.ones(101))


@pytest.mark.parametrize("k", [1, 2, 4])
def test_equal_to_all_orders_of_the_tied_ones(k: int, rng: np.random.Generator) -> None:
    """The reference sorts every multiset by score in every order that ties allow."""
    truth, score = rng.integers(0, 4, 5).astype(float), rng.integers(0, 3, 5).astype(float)
    draws = resamples(5, 25, seed=1)
    found = [statistic(truth, score, draws) for statistic in (regret, true_rank, precision_at(k))]
    for draw, *values in zip(draws, *found, strict=True):
        chosen = np.repeat(np.arange(5), draw.astype(int))
        expected = []
        for order in itertools.permutations(chosen):
            if any(score[a] < score[b] for a, b in itertools.pairwise(order)):
                continue
            true, first = np.sort(truth[chosen])[::-1], truth[order[0]]
            hits = sum(truth[i] >= true[k - 1] for i in order[:k])
            expected.append([true[0] - first, 1 + (true > first).sum(), hits / k])
        assert values == pytest.approx(np.mean(expected, axis=0))
