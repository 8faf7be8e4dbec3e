"""The statistics that `lmreg evaluate` reports, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.rank.correlation import (
    Function,
    in_top_half,
    kendall_tau_b,
    kendall_tau_top_half,
    resamples,
    spearman,
)
from lmreg.rank.intervals import Estimate, estimate, leave_outs
from lmreg.rank.selection import precision_at, regret, true_rank
from lmreg.truth import LandmarkSet

SMOOTH = frozenset(
    {
        *("kendall_tau", "kendall_tau_sparse_0.1", "kendall_tau_sparse_1"),
        *("spearman", "kendall_tau_top_half"),
    }
)
"""Statistics that change little with any one architecture. Their intervals are BCa; those of the others,
which rest on a few architectures, are percentiles: BCa makes them worse, see
scripts/study/interval_coverage.py."""


@dataclass(frozen=True)
class Truths:
    """The truth that scores are compared with, and the resamples of its architectures.

    Attributes:
        values: truth float64 [n], growing with quality.
        draws: counts float64 [1 + B + left_out, n]: see `resamples`, then `leave_outs`.
        full_scale: what 100 % is in the truth's units, see `full_scale`.
        left_out: how many of the draws are those of `leave_outs`.
    """

    values: np.ndarray
    draws: np.ndarray
    full_scale: float
    confidence: float
    left_out: int = 0

    @classmethod
    def of(cls, pool: LandmarkSet, bootstrap: int, seed: int, confidence: float) -> Truths:
        """The truth of ``pool`` with so many resamples, and what the intervals need besides."""
        n = len(pool.archs)
        without = leave_outs(n)
        draws = np.vstack([resamples(n, bootstrap, seed), without])
        return cls(pool.better_sign * pool.scores, draws, full_scale(pool), confidence, len(without))

    def estimate(self, values: np.ndarray, n: int | None = None, smooth: bool = True) -> Estimate:
        """From a statistic's ``values`` for each of the draws.

        Args:
            n: of how many architectures, if not of all.
            smooth: whether the statistic changes little with any one of them: BCa then, else percentiles.
        """
        if not smooth:
            return estimate(values[: len(values) - self.left_out], n or self.n, self.confidence)
        return estimate(values, n or self.n, self.confidence, self.left_out)

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def top_half(self) -> int:
        """How many are in the better half."""
        return int(in_top_half(self.values, self.draws[:1]).sum())

    def estimates(self, score: np.ndarray, cutoffs: Sequence[int]) -> dict[str, Estimate]:
        """Every statistic of ``score`` [n] (growing with quality), by name in reporting order.

        Args:
            cutoffs: the k of each ``precision_at_<k>``.
        """
        sizes = {"kendall_tau_top_half": self.top_half}
        return {
            name: self.estimate(function(self.values, score, self.draws), sizes.get(name), name in SMOOTH)
            for name, function in self._functions(cutoffs).items()
        }

    def _functions(self, cutoffs: Sequence[int]) -> dict[str, Function]:
        def sparse(percent: float) -> Function:
            # As the field reports it: truths closer than the rounding count as ties.
            rounded = np.round(self.values / (percent / 100 * self.full_scale))
            return lambda truth, score, counts: kendall_tau_b(rounded, score, counts)

        return {
            "kendall_tau": kendall_tau_b,
            "kendall_tau_sparse_0.1": sparse(0.1),
            "kendall_tau_sparse_1": sparse(1),
            "spearman": spearman,
            "kendall_tau_top_half": kendall_tau_top_half,
            "regret": regret,
            "true_rank": true_rank,
            **{f"precision_at_{k}": precision_at(k) for k in cutoffs},
        }


def full_scale(pool: LandmarkSet) -> float:
    """What 100 % is in the units of the pool's truth, for the rounding of the sparse tau.

    100 for a column named ``..._percent`` and for accuracies given from 0 to 100, 1 for accuracies
    given from 0 to 1; for a truth without such a scale (a loss, an error in pixels) the range of the
    pool.
    """
    low, high = pool.scores.min(), pool.scores.max()
    if pool.column.endswith("_percent"):
        return 100.0
    if pool.better_sign > 0 and low >= 0 and high <= 100:
        return 1.0 if high <= 1 else 100.0
    return float(high - low) or 1.0
