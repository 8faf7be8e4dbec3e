from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lmreg.predictor.base import normal_scores


def test_they_are_quantiles_of_the_ranks() -> None:
    expected = stats.norm.ppf([0.125, 0.625, 0.375, 0.875])
    assert normal_scores(np.array([-7.0, 2.0, 1.0, 1e9])) == pytest.approx(expected)


def test_ties_share_their_rank_and_what_is_not_defined_is_worst() -> None:
    values = normal_scores(np.array([2.0, 2.0, np.nan, -np.inf, 1.0]))
    assert values[0] == values[1] > values[4] > values[2] == values[3]
    assert np.isfinite(values).all()
