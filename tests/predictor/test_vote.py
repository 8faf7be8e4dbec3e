from __future__ import annotations

import numpy as np
import pytest

from lmreg.predictor.base import Known, normal_scores
from lmreg.predictor.vote import Config, Vote, vote


def test_it_ranks_by_the_sum_of_logarithms_of_ranks() -> None:
    proxies = np.array([[1.0, 30], [2, 10], [3, 20], [4, 0]])  # ranks 1 4, 2 2, 3 3, 4 1
    sums = np.log([1 * 4, 2 * 2, 3 * 3, 4 * 1])
    assert vote(proxies) == pytest.approx(normal_scores(sums))
    assert vote(proxies).argmax() == 2


def test_what_is_not_defined_is_ranked_worst() -> None:
    values = vote(np.array([[-np.inf, 5.0], [1, 1], [np.nan, 4], [2, 2]]))
    assert np.isfinite(values).all()
    assert values.argmax() == 3
    assert values[0] > values[2]


def test_units_do_not_matter(rng: np.random.Generator) -> None:
    proxies = rng.normal(size=(30, 3))
    np.testing.assert_array_equal(vote(proxies), vote(np.exp(proxies) * [1, 1e9, 1e-9]))


def test_landmarks_do_not_change_it(rng: np.random.Generator) -> None:
    proxies = rng.normal(size=(30, 3))
    ways = [
        Vote(Config()).predict(Known((proxies,), proxies, scores))
        for scores in (np.arange(5.0), -np.arange(5.0))
    ]
    np.testing.assert_array_equal(ways[0].mean, ways[1].mean)
    np.testing.assert_array_equal(ways[0].left_out, ways[0].mean[:5])
    assert np.isnan(ways[0].deviation).all()
