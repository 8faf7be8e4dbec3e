"""The statistics that `lmreg evaluate` reports, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.landmarks.truth import LandmarkSet
from lmreg.rank.correlation import (
    Draws,
    Function,
    in_top_half,
    kendall_tau_b,
    kendall_tau_top_half,
    spearman,
)
from lmreg.rank.intervals import Estimate, estimate
from lmreg.rank.selection import precision_at, regret, true_rank

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
        draws: the multisets of its architectures for which every figure is computed.
        full_scale: what 100 % is in the truth's units, see `full_scale`.
    """

    values: np.ndarray
    draws: Draws
    full_scale: float
    confidence: float

    @classmethod
    def of(cls, pool: LandmarkSet, bootstrap: int, seed: int, confidence: float) -> Truths:
        """The truth of ``pool`` with so many resamples, and what the intervals need besides."""
        draws = Draws(len(pool.archs), bootstrap, seed, jackknife=True)
        return cls(pool.better_sign * pool.scores, draws, full_scale(pool), confidence)

    def estimate(self, values: np.ndarray, n: int | None = None, smooth: bool = True) -> Estimate:
        """From a statistic's ``values`` for each of the draws.

        Args:
            n: of how many architectures, if not of all.
            smooth: whether the statistic changes little with any one of them: BCa then, else percentiles.
        """
        left_out = self.draws.left_out
        if not smooth:
            return estimate(values[: len(values) - left_out], n or self.n, self.confidence)
        return estimate(values, n or self.n, self.confidence, left_out)

    def resampled(self, function: Function, score: np.ndarray) -> np.ndarray:
        """A statistic of ``score`` [n] for each of the `draws`."""
        return self._resampled({"": function}, score)[""]

    def _resampled(self, functions: dict[str, Function], score: np.ndarray) -> dict[str, np.ndarray]:
        found: dict[str, list[np.ndarray]] = {name: [] for name in functions}
        for counts in self.draws.parts():
            for name, function in functions.items():
                found[name].append(function(self.values, score, counts))
        return {name: np.concatenate(parts) for name, parts in found.items()}

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def top_half(self) -> int:
        """How many are in the better half."""
        return int(in_top_half(self.values, np.ones((1, self.n))).sum())

    def estimates(self, score: np.ndarray, cutoffs: Sequence[int]) -> dict[str, Estimate]:
        """Every statistic of ``score`` [n] (growing with quality), by name in reporting order.

        Args:
            cutoffs: the k of each ``precision_at_<k>``.
        """
        sizes = {"kendall_tau_top_half": self.top_half}
        return {
            name: self.estimate(values, sizes.get(name), name in SMOOTH)
            for name, values in self._resampled(self._functions(cutoffs), score).items()
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
