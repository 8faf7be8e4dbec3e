"""Statistics of the top of a ranking: how good the architectures are that one would pick by it.

As in `lmreg.rank.correlation`, truth [n] and score [n] grow with quality, counts [B, n] describe B multisets,
and results are [B]. If scores tie, results are averages over all orders of the tied architectures.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lmreg.rank.correlation import Groups, Statistic


def regret(truth: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the best truth minus that of the architecture ranked first, in its units; 0 is perfect."""
    best = np.where(counts > 0, truth, -np.inf).max(1)
    return best - _mean_over_first(score, counts, lambda: np.broadcast_to(truth, counts.shape))


def true_rank(truth: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the rank by truth of the architecture that is ranked first; 1 is perfect."""

    def ranks() -> np.ndarray:
        groups = Groups(truth, counts)
        return 1 + groups.better()[:, groups.of]

    return _mean_over_first(score, counts, ranks)


def _mean_over_first(score: np.ndarray, counts: np.ndarray, values: Callable[[], np.ndarray]) -> np.ndarray:
    """Return the mean of values [B, n] over those that share the highest score of each multiset."""
    groups = Groups(score, counts)
    first = (groups.better() == 0) & (groups.totals > 0)
    weights = counts * first[:, groups.of]
    return (weights * values()).sum(1) / weights.sum(1)


def precision_at(k: int) -> Statistic:
    """Return the statistic "precision at k": the share of the k highest-scored architectures in the true top
    k.

    An architecture is in the true top k if fewer than k are truly better, so a perfect ranking reaches 1
    whatever the ties. The statistic is NaN for fewer than k architectures.
    """

    def precision(truth: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
        groups = Groups(score, counts)
        # The number of members of each tied group among the first k, spread evenly over the group.
        taken = np.clip(k - groups.better(), 0, groups.totals)
        share = taken / np.maximum(groups.totals, 1)
        true_groups = Groups(truth, counts)
        good = (true_groups.better() < k)[:, true_groups.of]
        hits = (counts * share[:, groups.of] * good).sum(1) / k
        return np.where(counts.sum(1) >= k, hits, np.nan)

    return precision
