"""Intervals over architectures (bootstrap) and over seeds (Student's t), and p-values of several tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

SEEDS_FOR_INTERVAL = 3
"""The fewest seeds for which an interval over seeds is given. The 95 % interval of two seeds would extend to
either side by six times their difference, often to negative losses or accuracies above 100 %; the two values
themselves say more."""

_MOST_GROUPS = 1000


@dataclass(frozen=True)
class Estimate:
    """A statistic with its bootstrap interval over ``n`` architectures."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def groups_left_out(n: int) -> int:
    """Return the number of rows of `leave_outs` for n architectures."""
    return min(n, _MOST_GROUPS)


def leave_outs(n: int, start: int = 0, stop: int | None = None) -> np.ndarray:
    """Return counts [rows, n] that leave out each architecture in turn, for the acceleration in `estimate`.

    With more than 1,000 architectures each row leaves out every 1,000th. The acceleration from groups has the
    same expectation as that from single architectures, since it is the skewness of a sum in units of its own
    spread. ``start`` and ``stop`` are the range of rows to return, by default all.
    """
    rows = groups_left_out(n)
    left_out = np.arange(start, rows if stop is None else stop)
    return (np.arange(n)[None, :] % rows != left_out[:, None]).astype(float)


def estimate(values: np.ndarray, n: int, confidence: float, left_out: int = 0) -> Estimate:
    """Return a statistic with its interval, given its values for all `Draws`, the pool's own first. If
    ``left_out`` of them at the end are those for `leave_outs`, the interval is bias-corrected and accelerated
    (BCa), else it is the percentile interval.

    Source: Efron, "Better bootstrap confidence intervals", JASA 1987; the acceleration from the jackknife as
    in Efron & Tibshirani, "An introduction to the bootstrap", 1993, equation 14.15.
    """
    value, stop = float(values[0]), len(values) - left_out
    repeated = values[1:stop][np.isfinite(values[1:stop])]
    if not len(repeated):
        return Estimate(value, float("nan"), float("nan"), n)
    tails = np.array([1 - confidence, 1 + confidence]) / 2
    if left_out and np.isfinite(value):
        tails = _corrected(tails, value, repeated, values[stop:])
    low, high = np.quantile(repeated, tails)
    return Estimate(value, float(low), float(high), n)


def _corrected(tails: np.ndarray, value: float, repeated: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """Return the quantiles that BCa uses in place of ``tails``; ``tails`` itself where BCa is undefined."""
    below = np.mean(repeated < value) + np.mean(repeated == value) / 2
    if not 0 < below < 1 or not np.isfinite(left_out).all():
        return tails
    away = left_out.mean() - left_out
    spread = (away**2).sum()
    acceleration = (away**3).sum() / (6 * spread**1.5) if spread > 0 else 0.0
    bias = ndtri(below)
    moved = bias + ndtri(tails)
    if (acceleration * moved >= 1).any():
        return tails
    return np.asarray(ndtr(bias + moved / (1 - acceleration * moved)))


def mean_over_seeds(values: np.ndarray, confidence: float) -> tuple[float, float, float, float]:
    """Return mean, low, high and two-sided p-value (Student's t), given one value per seed.

    Interval and p-value are NaN for fewer than `SEEDS_FOR_INTERVAL` values, and if the values are equal up to
    rounding, which is no evidence that their spread is zero.
    """
    from scipy import stats  # here, because a search, which needs none, would wait a second for it

    mean = float(values.mean())
    if len(values) < SEEDS_FOR_INTERVAL or np.allclose(values, values[0], rtol=1e-9, atol=1e-12):
        return mean, float("nan"), float("nan"), float("nan")
    test = stats.ttest_1samp(values, 0.0)
    interval = test.confidence_interval(confidence)
    return mean, float(interval.low), float(interval.high), float(test.pvalue)


def over_seeds(values: Sequence[float], confidence: float) -> dict[str, Any]:
    """Return mean, standard deviation and interval as by `mean_over_seeds`; None where undefined."""
    mean, low, high, _ = mean_over_seeds(np.asarray(values, float), confidence)
    known = bool(np.isfinite(low))
    return {
        "mean": mean,
        "n": len(values),
        "confidence": confidence,
        "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "low": low if known else None,
        "high": high if known else None,
    }


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return the p-values corrected for their number, so that comparing each with a level keeps the
    probability of any false finding below that level. NaN stays NaN and isn't counted.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 1979.
    """
    corrected = np.full(len(p_values), np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    steps = p_values[order] * (len(order) - np.arange(len(order)))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else []
    return corrected
