from __future__ import annotations

import numpy as np
import pytest

from lmreg.predictor.acquisition import expected_improvement, upper_confidence_bound


def test_expected_improvement_is_the_mean_of_what_exceeds_the_best() -> None:
    rng = np.random.default_rng(0)
    mean, deviation = np.array([0.0, 1.0, -2.0]), np.array([1.0, 0.5, 2.0])
    drawn = mean + deviation * rng.normal(size=(400_000, 3))
    found = expected_improvement(mean, deviation, 0.5)
    np.testing.assert_allclose(found, np.maximum(drawn - 0.5, 0).mean(0), atol=5e-3)


def test_what_is_known_improves_by_its_difference() -> None:
    found = expected_improvement(np.array([2.0, 0.0]), np.zeros(2), 1.0)
    assert found.tolist() == [1.0, 0.0]


def test_upper_confidence_bound_prefers_what_is_less_known() -> None:
    assert upper_confidence_bound(np.array([1.0, 1.0]), np.array([0.1, 0.3])) == pytest.approx([1.1, 1.3])
