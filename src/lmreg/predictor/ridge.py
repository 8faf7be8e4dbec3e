"""Ridge regression on the encoding, whose penalty is chosen by leave-one-out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lmreg.predictor.base import Known, Prediction, Predictor, normal_scores

_PENALTIES = np.logspace(-3, 3, 25)


@dataclass
class Config:
    name: str = "ridge"


class Ridge(Predictor):
    """Ridge regression of the landmarks' scores on the space's one-hot encoding: it uses no other score."""

    def __init__(self, config: Config):
        self.config = config

    def predict(self, known: Known) -> Prediction:
        one_hot = known.views[0]
        fit = ridge(one_hot[: known.landmarks], normal_scores(known.scores))
        return Prediction(fit.predict(one_hot), np.full(len(one_hot), np.nan), fit.left_out)


class RidgeFit(NamedTuple):
    """A fitted regression: the function from features [n, f] to values [n], and the value [m] that each
    target would have by a fit without it."""

    predict: Callable[[np.ndarray], np.ndarray]
    left_out: np.ndarray


def ridge(features: np.ndarray, targets: np.ndarray) -> RidgeFit:
    """Fit ``targets`` [m] by ``features`` [m, f].

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
    without = residuals / (1 - leverage)
    best = int((without**2).sum(1).argmin())
    damped = singular / (singular**2 + _PENALTIES[best])
    weights = right.T @ (damped * along)
    return RidgeFit(lambda others: mean + (others - centre) @ weights, targets - without[best])
