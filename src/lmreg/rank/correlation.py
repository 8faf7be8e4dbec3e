"""How well scores rank architectures, always with an interval.

Every function takes values that grow with quality: losses come in negated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

Statistic = Callable[[np.ndarray, np.ndarray], float]


def kendall_tau_b(truth: np.ndarray, score: np.ndarray) -> float:
    """Kendall's tau-b (ties corrected) of two arrays [n]; NaN where one of them is constant."""
    return float(stats.kendalltau(truth, score).statistic)


def spearman(truth: np.ndarray, score: np.ndarray) -> float:
    """Spearman's rank correlation of two arrays [n]; NaN where one of them is constant."""
    if np.ptp(truth) == 0 or np.ptp(score) == 0:
        return float("nan")
    return float(stats.spearmanr(truth, score).statistic)


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
    """Indices [count, n] of bootstrap resamples of n architectures; shared, comparisons are paired."""
    return np.random.default_rng(seed).integers(n, size=(count, n))


def estimate(
    figure: Callable[[np.ndarray], float], n: int, draws: np.ndarray, confidence: float
) -> Estimate:
    """``figure`` of all architectures, with a percentile interval over bootstrap ``draws``.

    Args:
        figure: takes indices of architectures, gives the statistic of those.
        draws: from `resamples`.
        confidence: of the interval, for example 0.95.
    """
    value = figure(np.arange(n))
    repeated = np.array([figure(draw) for draw in draws])
    repeated = repeated[np.isfinite(repeated)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(repeated, [tail, 1 - tail]) if len(repeated) else (np.nan, np.nan)
    return Estimate(value, float(low), float(high), n)


def mean_over_seeds(values: np.ndarray, confidence: float) -> tuple[float, float, float, float]:
    """Mean, interval and two-sided p-value (Student's t) of one value per seed; NaN from one seed."""
    mean = float(values.mean())
    if len(values) < 2 or np.ptp(values) == 0:
        return mean, float("nan"), float("nan"), float("nan")
    test = stats.ttest_1samp(values, 0.0)
    interval = test.confidence_interval(confidence)
    return mean, float(interval.low), float(interval.high), float(test.pvalue)
