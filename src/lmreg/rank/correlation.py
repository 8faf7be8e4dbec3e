"""How well scores rank architectures, always with an interval.

Every function takes values that grow with quality: losses come in negated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

Statistic = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Of truth [n] and score [n] for each of B multisets of architectures, given by counts [B, n]: [B]."""


def kendall_tau_b(truth: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Kendall's tau-b (ties corrected); NaN where truth or score is constant.

    Source: Kendall, "The treatment of ties in ranking problems", Biometrika 1945.
    """
    truth_order = np.sign(truth[:, None] - truth[None, :])
    score_order = np.sign(score[:, None] - score[None, :])

    def total(matrix: np.ndarray) -> np.ndarray:
        """Sum over all pairs of drawn architectures."""
        return np.einsum("bi,bi->b", counts @ matrix, counts)

    ordered = total(np.abs(truth_order)) * total(np.abs(score_order))
    with np.errstate(invalid="ignore", divide="ignore"):
        return total(truth_order * score_order) / np.sqrt(ordered)


def spearman(truth: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation (ties share their mean rank); NaN where truth or score is constant."""

    def centred_ranks(values: np.ndarray) -> np.ndarray:
        order = np.sign(values[:, None] - values[None, :])
        return counts @ order.T / 2  # a mean rank less the mean of all ranks

    x, y = centred_ranks(truth), centred_ranks(score)

    def total(products: np.ndarray) -> np.ndarray:
        return (counts * products).sum(1)

    with np.errstate(invalid="ignore", divide="ignore"):
        return total(x * y) / np.sqrt(total(x * x) * total(y * y))


STATISTICS: dict[str, Statistic] = {"kendall_tau": kendall_tau_b, "spearman": spearman}


@dataclass(frozen=True)
class Estimate:
    """A figure with its bootstrap interval over ``n`` architectures."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def resamples(n: int, count: int, seed: int) -> np.ndarray:
    """How often each of n architectures is drawn, float64 [1 + count, n]: first each once, then
    ``count`` bootstrap resamples. Shared by all figures, so that differences are paired."""
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=count)
    return np.vstack([np.ones(n), drawn])


def estimate(values: np.ndarray, n: int, confidence: float) -> Estimate:
    """From a statistic's values for `resamples`: the first, and a percentile interval from the rest."""
    repeated = values[1:][np.isfinite(values[1:])]
    tail = (1 - confidence) / 2
    low, high = np.quantile(repeated, [tail, 1 - tail]) if len(repeated) else (np.nan, np.nan)
    return Estimate(float(values[0]), float(low), float(high), n)


def mean_over_seeds(values: np.ndarray, confidence: float) -> tuple[float, float, float, float]:
    """Mean, interval and two-sided p-value (Student's t) of one value per seed; NaN from one seed."""
    mean = float(values.mean())
    if len(values) < 2 or np.ptp(values) == 0:
        return mean, float("nan"), float("nan"), float("nan")
    test = stats.ttest_1samp(values, 0.0)
    interval = test.confidence_interval(confidence)
    return mean, float(interval.low), float(interval.high), float(test.pvalue)
