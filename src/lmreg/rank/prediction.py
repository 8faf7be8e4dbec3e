"""Predictors' rankings of the pool, and which of them to trust."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmreg.config.build import choice_of
from lmreg.config.catalogue import choices
from lmreg.landmarks.truth import LandmarkSet
from lmreg.predictor.base import Known, Prediction, Predictor
from lmreg.predictor.encoding import encodings
from lmreg.rank.correlation import kendall_tau
from lmreg.space.base import Space

PREFERRED = "gp"
"""The predictor that is recommended unless the landmarks clearly prefer another."""
_MARGIN = 0.05


@dataclass(frozen=True)
class Predicted:
    """A predictor's ranking of the pool.

    Attributes:
        name: the predictor's.
        values: float64 [n] in the order of the pool; higher is better.
        left_out: Kendall's tau between the landmarks' scores and what is predicted of each without its score;
            of the vote, which has no use for scores, simply its tau on the landmarks.
    """

    name: str
    values: np.ndarray
    left_out: float


def known_of(space: Space, landmarks: LandmarkSet, pool: LandmarkSet, proxies: pd.DataFrame) -> Known:
    """Return what predictors may know of landmarks and pool; ``proxies`` by text form, see `ProxyScores`."""
    archs = [*landmarks.archs, *pool.archs]
    table = proxies.loc[[space.format(arch) for arch in archs]].to_numpy(float)
    scores = landmarks.better_sign * landmarks.scores
    return Known(encodings(space, archs), table, scores, landmarks.pooled_error)


def predictions(
    space: Space, landmarks: LandmarkSet, pool: LandmarkSet, proxies: pd.DataFrame
) -> list[Predicted]:
    """Return the ranking of the pool by every predictor of the catalogue."""
    known, found = known_of(space, landmarks, pool, proxies), []
    for name in choices("predictor"):
        cls, config = choice_of("predictor", name, Predictor)  # type: ignore[type-abstract]
        result: Prediction = cls(config).predict(known)  # type: ignore[call-arg]
        tau = kendall_tau(known.scores, result.left_out)
        found.append(Predicted(name, result.mean[known.landmarks :], tau))
    return found


def recommended(predicted: list[Predicted]) -> Predicted:
    """Return the ranking to trust: the preferred predictor's, unless the landmarks, left out one by one,
    clearly agree better with another's."""
    best = max(predicted, key=lambda one: one.left_out)
    preferred = next((one for one in predicted if one.name == PREFERRED), best)
    return best if best.left_out > preferred.left_out + _MARGIN else preferred
