from __future__ import annotations

import numpy as np
import pytest

from lmreg.predictor.ridge import _PENALTIES, ridge


def fitted(x: np.ndarray, y: np.ndarray, penalty: float, at: np.ndarray) -> np.ndarray:
    """Solve the normal equations without penalising the intercept."""
    centred = x - x.mean(0)
    weights = np.linalg.solve(centred.T @ centred + penalty * np.eye(x.shape[1]), centred.T @ (y - y.mean()))
    return y.mean() + (at - x.mean(0)) @ weights


@pytest.mark.parametrize("noise", [0.01, 1.0, 100.0])
def test_the_penalty_is_chosen_by_leaving_out_each_in_turn(noise: float, rng: np.random.Generator) -> None:
    x, others = rng.normal(size=(12, 20)), rng.normal(size=(5, 20))
    y = x[:, 0] + noise * rng.normal(size=12)
    errors = []
    for penalty in _PENALTIES:
        rows = [np.delete(np.arange(12), i) for i in range(12)]
        left_out = [y[i] - fitted(x[k], y[k], penalty, x[i : i + 1])[0] for i, k in enumerate(rows)]
        errors.append(np.square(left_out).sum())
    best = _PENALTIES[int(np.argmin(errors))]
    rows = [np.delete(np.arange(12), i) for i in range(12)]
    left_out = [fitted(x[k], y[k], best, x[i : i + 1])[0] for i, k in enumerate(rows)]
    assert ridge(x, y).left_out == pytest.approx(np.array(left_out), rel=1e-6)
    assert ridge(x, y).predict(others) == pytest.approx(fitted(x, y, best, others), rel=1e-6)


def test_constant_targets_give_a_constant(rng: np.random.Generator) -> None:
    assert ridge(rng.normal(size=(4, 3)), np.full(4, 2.0)).predict(rng.normal(size=(6, 3))) == pytest.approx(
        np.full(6, 2.0)
    )
