"""Rank correlation of scores with the truth, for many bootstrap resamples at once.

All functions expect values that grow with quality; negate losses.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from lmreg.rank.intervals import groups_left_out, leave_outs
from lmreg.rank.inversions import discordant

Statistic = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""A function of truth [n], score [n] and counts [B, n], which say how often each architecture occurs in each
of B multisets; returns one value per multiset, [B]."""

_PART = 2**23
"""Number of counts that are drawn and processed together: 64 MB."""


class Groups:
    """The architectures grouped by equal value, with the size of each group in every multiset.

    Attributes:
        of: the group of each architecture, int [n]; groups are numbered by ascending value.
        totals: number of members of each group in each multiset, float64 [B, groups].
    """

    def __init__(self, values: np.ndarray, counts: np.ndarray):
        _, self.of = np.unique(values, return_inverse=True)
        order = np.argsort(self.of, kind="stable")
        self.totals = np.take(counts, order, axis=1)
        if self.of.max() + 1 < len(values):
            starts = np.searchsorted(self.of[order], np.arange(self.of.max() + 1))
            self.totals = np.add.reduceat(self.totals, starts, axis=1)

    def worse(self) -> np.ndarray:
        """Return how many of each multiset have a lower value than each group, float64 [B, groups]."""
        return self.totals.cumsum(1) - self.totals

    def better(self) -> np.ndarray:
        """Return how many of each multiset have a higher value than each group, float64 [B, groups]."""
        return self.totals.sum(1, keepdims=True) - self.totals.cumsum(1)


def kendall_tau_b(truth: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return Kendall's tau-b (corrected for ties) in O(n log n); NaN if truth or score is constant.

    Source: Kendall, "The treatment of ties in ranking problems", Biometrika 1945.
    """
    (_, of_truth), (scores, of_score) = (np.unique(v, return_inverse=True) for v in (truth, score))
    # Pairs are ordered and include (i, i). Their numbers are integers that float64 represents exactly.
    pairs = counts.sum(1) ** 2
    by_truth, by_score = (_tied_pairs(groups, counts) for groups in (of_truth, of_score))
    by_both = _tied_pairs(of_truth * len(scores) + of_score, counts)
    difference = pairs - by_truth - by_score + by_both - 4 * discordant(of_truth, of_score, counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        return difference / np.sqrt((pairs - by_truth) * (pairs - by_score))


def _tied_pairs(groups: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Count the ordered pairs (i, j), i = j included, that are in the same of ``groups`` [n]; returns [B]."""
    alone = np.einsum("bi,bi->b", counts, counts)
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    several = sizes[place] > 1
    if not several.any():
        return alone
    some = counts[:, several]
    totals = Groups(groups[several], some).totals
    return alone - np.einsum("bi,bi->b", some, some) + np.einsum("bg,bg->b", totals, totals)


def kendall_tau_top_half(truth: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return tau-b within the half of each multiset that is best by truth, ties at its edge included."""
    top = in_top_half(truth, counts)
    some = top.any(0)
    return kendall_tau_b(truth[some], score[some], (counts * top)[:, some])


def in_top_half(truth: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return which architectures are in the better half of each multiset, bool [B, n]."""
    groups = Groups(truth, counts)
    inside = groups.better() < counts.sum(1, keepdims=True) / 2
    return inside[:, groups.of] & (counts > 0)


def spearman(truth: np.ndarray, score: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation (ties share their mean rank); NaN if truth or score is constant."""

    def centred_ranks(values: np.ndarray) -> np.ndarray:
        groups = Groups(values, counts)
        # A group's mean rank minus the mean of all ranks.
        return ((groups.worse() - groups.better()) / 2)[:, groups.of]

    x, y = centred_ranks(truth), centred_ranks(score)

    def total(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.einsum("bi,bi,bi->b", counts, a, b)

    with np.errstate(invalid="ignore", divide="ignore"):
        return total(x, y) / np.sqrt(total(x, x) * total(y, y))


@dataclass(frozen=True)
class Draws:
    """Bootstrap resamples of n architectures, shared by all statistics, so that differences are paired.

    They are kept in memory if they fit into one part, else drawn again for each use, part by part.

    Attributes:
        count: number of resamples.
        jackknife: whether the multisets of `leave_outs` are appended.
    """

    n: int
    count: int
    seed: int
    jackknife: bool = False

    @property
    def left_out(self) -> int:
        """Number of multisets at the end that are those of `leave_outs`."""
        return groups_left_out(self.n) if self.jackknife else 0

    def parts(self) -> Iterator[np.ndarray]:
        """Yield counts, float64 [rows, n]: first a row of ones (the pool itself), then the bootstrap
        resamples, then with ``jackknife`` the rows of `leave_outs`."""
        if (1 + self.count + self.left_out) * self.n <= _PART:
            return iter(_drawn_once(self))
        return self._drawn()

    def _drawn(self) -> Iterator[np.ndarray]:
        rng, rows = np.random.default_rng(self.seed), max(1, _PART // self.n)
        yield np.ones((1, self.n))
        for start in range(0, self.count, rows):
            some = min(rows, self.count - start)
            yield rng.multinomial(self.n, np.full(self.n, 1 / self.n), size=some).astype(np.float64)
        for start in range(0, self.left_out, rows):
            yield leave_outs(self.n, start, min(start + rows, self.left_out))


@functools.lru_cache(maxsize=1)
def _drawn_once(draws: Draws) -> tuple[np.ndarray, ...]:
    return tuple(draws._drawn())


def resamples(n: int, count: int, seed: int) -> np.ndarray:
    """Return the counts of all `Draws` at once, float64 [1 + count, n]."""
    return np.concatenate(list(Draws(n, count, seed).parts()))
