"""The interface of predictors, and what they know about architectures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri


@dataclass(frozen=True)
class Known:
    """What is known about n architectures, of which the first m are landmarks.

    Attributes:
        views: the architectures as vectors, float64 [n, e] each, see `lmreg.predictor.encoding`; the first is
            the space's own one-hot encoding.
        proxies: training-free scores float64 [n, k], larger is better; −∞ where a score isn't defined.
        voters: how many of these vote, the first; the others only have the weights that landmarks give them.
            None: all.
        scores: stand-alone scores of the landmarks, float64 [m], larger is better.
        error: the standard error of a stand-alone score, pooled over the landmarks; None if unknown.
    """

    views: tuple[np.ndarray, ...]
    proxies: np.ndarray
    scores: np.ndarray
    error: float | None = None
    voters: int | None = None

    @property
    def landmarks(self) -> int:
        """The number of landmarks."""
        return len(self.scores)

    @property
    def ballot(self) -> np.ndarray:
        """The training-free scores that vote, float64 [n, voters]."""
        return self.proxies[:, : self.voters]


@dataclass(frozen=True)
class Prediction:
    """What a predictor says of every architecture.

    Attributes:
        mean: float64 [n], larger is better, in the unit of the landmarks' `normal_scores`.
        deviation: the standard deviation of each, in the same unit, float64 [n]; NaN if it isn't known.
        left_out: what it would say of each landmark without its score, float64 [m].
    """

    mean: np.ndarray
    deviation: np.ndarray
    left_out: np.ndarray


class Predictor(ABC):
    """Predicts stand-alone scores."""

    @abstractmethod
    def predict(self, known: Known) -> Prediction:
        """Return predictions for all architectures, the landmarks among them."""


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Return the normal quantiles of the ranks of ``values`` [n] or [n, k], of each column by itself: without
    unit and without outliers."""
    return ndtri((ranks(values) - 0.5) / len(values))


def ranks(values: np.ndarray) -> np.ndarray:
    """Return the ranks, from 1, along the first axis of ``values``; what isn't defined is worst."""
    worst = np.finfo(float).min
    finite = pd.DataFrame(np.nan_to_num(values, nan=worst, neginf=worst))
    return finite.rank().to_numpy().reshape(np.shape(values))
