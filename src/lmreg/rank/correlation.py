"""How well scores rank architectures.

Every function takes values that grow with quality: losses come in negated.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Of truth [n] and score [n] for each of B multisets of architectures, given by counts [B, n]: [B]."""


class Groups:
    """The architectures by equal value, and how many of each group every multiset holds.

    Attributes:
        of: the group of each architecture, int [n]; groups are numbered by ascending value.
        totals: members of each group in each multiset, float64 [B, groups].
    """

    def __init__(self, values: np.ndarray, counts: np.ndarray):
        _, self.of = np.unique(values, return_inverse=True)
        order = np.argsort(self.of, kind="stable")
        starts = np.searchsorted(self.of[order], np.arange(self.of.max() + 1))
        self.totals = np.add.reduceat(counts[:, order], starts, axis=1)

    def worse(self) -> np.ndarray:
        """How many of a multiset have a lower value than each group, float64 [B, groups]."""
        return self.totals.cumsum(1) - self.totals

    def better(self) -> np.ndarray:
        """How many of a multiset have a higher value than each group, float64 [B, groups]."""
        return self.totals.sum(1, keepdims=True) - self.totals.cumsum(1)


def kendall_tau_b(truth: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Kendall's tau-b (ties corrected); NaN where truth or score is constant.

    Source: Kendall, "The treatment of ties in ranking problems", Biometrika 1945.
    """
    agreement = _signs(truth) * _signs(score)
    # Sums of whole numbers below 2**24: exact in float32, which is twice as fast.
    drawn = counts.astype(np.float32)
    difference = np.einsum("bi,bi->b", drawn @ agreement, drawn, dtype=np.float64)
    ordered = [counts.sum(1) ** 2 - (Groups(v, counts).totals ** 2).sum(1) for v in (truth, score)]
    with np.errstate(invalid="ignore", divide="ignore"):
        return difference / np.sqrt(ordered[0] * ordered[1])


def _signs(values: np.ndarray) -> np.ndarray:
    """The order of every pair, +1, 0 or −1, float32 [n, n]."""
    column = values[:, None]
    return np.subtract(column > values, column < values, dtype=np.float32)


def kendall_tau_top_half(truth: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Tau-b among the half of each multiset that is best by truth (ties at its edge included)."""
    kept = in_top_half(truth, counts)
    some = kept.any(0)
    return kendall_tau_b(truth[some], score[some], (counts * kept)[:, some])


def in_top_half(truth: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Which architectures are in the better half of each multiset, bool [B, n]."""
    groups = Groups(truth, counts)
    inside = groups.better() < counts.sum(1, keepdims=True) / 2
    return inside[:, groups.of] & (counts > 0)


def spearman(truth: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation (ties share their mean rank); NaN where truth or score is constant."""

    def centred_ranks(values: np.ndarray) -> np.ndarray:
        groups = Groups(values, counts)
        # A mean rank less the mean of all ranks.
        return ((groups.worse() - groups.better()) / 2)[:, groups.of]

    x, y = centred_ranks(truth), centred_ranks(score)

    def total(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.einsum("bi,bi,bi->b", counts, a, b)

    with np.errstate(invalid="ignore", divide="ignore"):
        return total(x, y) / np.sqrt(total(x, x) * total(y, y))


def resamples(n: int, count: int, seed: int) -> np.ndarray:
    """How often each of n architectures is drawn, float64 [1 + count, n]: first each once, then
    ``count`` bootstrap resamples. Shared by all figures, so that differences are paired."""
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=count)
    return np.vstack([np.ones(n), drawn])
