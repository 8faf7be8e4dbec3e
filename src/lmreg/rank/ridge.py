"""Ridge regression whose penalty is chosen by leave-one-out, in closed form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_PENALTIES = np.logspace(-3, 3, 25)


def ridge(features: np.ndarray, targets: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Fit ``targets`` [m] by ``features`` [m, f]; return the function from features [n, f] to values [n].

    The intercept is not penalised. Of 25 penalties from 0.001 to 1000 the one with the smallest sum of
    squared leave-one-out residuals r_i / (1 − h_ii) is chosen, where h is the hat matrix.

    Source: Allen, "The relationship between variable selection and data augmentation and a method
    for prediction", Technometrics 1974 (PRESS).
    """
    centre, mean = features.mean(0), targets.mean()
    left, singular, right = np.linalg.svd(features - centre, full_matrices=False)
    along = left.T @ (targets - mean)
    shrink = singular**2 / (singular**2 + _PENALTIES[:, None])  # [penalties, r]
    residuals = (targets - mean) - (shrink * along) @ left.T
    leverage = 1 / len(targets) + shrink @ (left**2).T
    best = int(((residuals / (1 - leverage)) ** 2).sum(1).argmin())
    damped = singular / (singular**2 + _PENALTIES[best])
    weights = right.T @ (damped * along)
    return lambda others: mean + (others - centre) @ weights
