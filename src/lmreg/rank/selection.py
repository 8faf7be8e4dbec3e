"""What one gains by trusting a ranking: how good the architectures at its top are.

As in `lmreg.rank.correlation`: truth [n] and score [n] grow with quality, counts [B, n] give B
multisets, results are [B]. Where scores tie, the mean over all orders of the tied ones is taken.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lmreg.rank.correlation import Function, Groups


def regret(truth: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Truth of the best less truth of the one ranked first, in the truth's units; 0 is perfect."""
    best = np.where(counts > 0, truth, -np.inf).max(1)
    return best - _mean_over_first(score, counts, lambda: np.broadcast_to(truth, counts.shape))


def true_rank(truth: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """One more than the number that are truly better than the one ranked first; 1 is perfect."""

    def ranks() -> np.ndarray:
        groups = Groups(truth, counts)
        return 1 + groups.better()[:, groups.of]

    return _mean_over_first(score, counts, ranks)


def _mean_over_first(score: np.ndarray, counts: np.ndarray, values: Callable[[], np.ndarray]) -> np.ndarray:
    """The mean of values [B, n] over those that share the highest score of each multiset."""
    groups = Groups(score, counts)
    first = (groups.better() == 0) & (groups.totals > 0)
    weights = counts * first[:, groups.of]
    return (weights * values()).sum(1) / weights.sum(1)


def precision_at(k: int) -> Function:
    """The statistic: of the k with the highest scores, the share in the true top k.

    An architecture is in the true top k if fewer than k are truly better, so a perfect ranking gets
    1 whatever ties there are. NaN for fewer than k architectures.
    """

    def precision(truth: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
        groups = Groups(score, counts)
        # How many of each tied group are among the first k, spread evenly over its members.
        taken = np.clip(k - groups.better(), 0, groups.totals)
        share = taken / np.maximum(groups.totals, 1)
        true_groups = Groups(truth, counts)
        good = (true_groups.better() < k)[:, true_groups.of]
        hits = (counts * share[:, groups.of] * good).sum(1) / k
        return np.where(counts.sum(1) >= k, hits, np.nan)

    return precision
