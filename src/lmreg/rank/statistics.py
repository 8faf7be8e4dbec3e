"""The statistics that `lmreg evaluate` reports, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lmreg.landmarks.truth import LandmarkSet
from lmreg.rank.correlation import (
    Draws,
    Statistic,
    in_top_half,
    kendall_tau_b,
    kendall_tau_top_half,
    spearman,
)
from lmreg.rank.intervals import Estimate, estimate
from lmreg.rank.selection import precision_at, regret, true_rank

SMOOTH = {"kendall_tau", "kendall_tau_sparse_0.1", "kendall_tau_sparse_1", "spearman", "kendall_tau_top_half"}
"""Statistics that no single architecture changes much; their intervals are BCa. The others depend on a few
architectures, and their intervals are percentiles because BCa makes these worse, see
scripts/study/interval_coverage.py."""


@dataclass(frozen=True)
class ResampledTruth:
    """The truth of a pool with the bootstrap resamples for which every statistic is computed.

    Attributes:
        values: truth float64 [n], growing with quality.
        draws: the resamples, as multisets of the pool's architectures.
        full_scale: 100 % in the truth's units, see `full_scale`.
        confidence: level of the intervals.
    """

    values: np.ndarray
    draws: Draws
    full_scale: float
    confidence: float
    # By score: several tables need the taus of the same ranking, and the bootstrap is slow.
    _taus: dict[bytes, np.ndarray] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, pool: LandmarkSet, bootstrap: int, seed: int, confidence: float) -> ResampledTruth:
        """Return the truth of ``pool`` with ``bootstrap`` resamples and the leave-outs of BCa intervals."""
        draws = Draws(len(pool.archs), bootstrap, seed, jackknife=True)
        return cls(pool.better_sign * pool.scores, draws, full_scale(pool), confidence)

    def estimate(self, values: np.ndarray, n: int | None = None, smooth: bool = True) -> Estimate:
        """Return a statistic with its interval, given its ``values`` for each of the draws.

        Args:
            n: number of architectures it is computed over; None for all.
            smooth: whether no single architecture changes the statistic much. The interval is BCa then, else
                percentiles.
        """
        left_out = self.draws.left_out
        if not smooth:
            return estimate(values[: len(values) - left_out], n or self.n, self.confidence)
        return estimate(values, n or self.n, self.confidence, left_out)

    def statistic(self, statistic: Statistic, score: np.ndarray) -> np.ndarray:
        """Return a statistic of ``score`` [n] for each of the `draws`."""
        return self._for_all_draws({"": statistic}, score)[""]

    def taus(self, score: np.ndarray) -> np.ndarray:
        """Return Kendall's tau-b of ``score`` [n] for each of the `draws`; it is computed once per score."""
        key = score.tobytes()
        if key not in self._taus:
            self._taus[key] = self.statistic(kendall_tau_b, score)
        return self._taus[key]

    def _for_all_draws(self, statistics: dict[str, Statistic], score: np.ndarray) -> dict[str, np.ndarray]:
        found: dict[str, list[np.ndarray]] = {name: [] for name in statistics}
        for counts in self.draws.parts():
            for name, statistic in statistics.items():
                found[name].append(statistic(self.values, score, counts))
        return {name: np.concatenate(parts) for name, parts in found.items()}

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def top_half(self) -> int:
        """Number of architectures in the better half."""
        return int(in_top_half(self.values, np.ones((1, self.n))).sum())

    def estimates(self, score: np.ndarray, cutoffs: Sequence[int]) -> dict[str, Estimate]:
        """Return every statistic of ``score`` [n], which grows with quality, by name in the order of reports;
        ``cutoffs`` are the k of each ``precision_at_<k>``."""
        sizes = {"kendall_tau_top_half": self.top_half}
        found = self._for_all_draws(self._statistics(cutoffs), score)
        self._taus[score.tobytes()] = found["kendall_tau"]
        return {
            name: self.estimate(values, sizes.get(name), name in SMOOTH) for name, values in found.items()
        }

    def _statistics(self, cutoffs: Sequence[int]) -> dict[str, Statistic]:
        def sparse(percent: float) -> Statistic:
            # As in the literature: truths that are equal after rounding count as ties.
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
    """Return 100 % in the units of the pool's truth, for the rounding of the sparse tau.

    It is 100 for a column named ``..._percent`` and for accuracies from 0 to 100, 1 for accuracies from 0 to
    1, and for a truth without such a scale (a loss, an error in pixels) the range of the pool.
    """
    low, high = pool.scores.min(), pool.scores.max()
    if pool.column.endswith("_percent"):
        return 100.0
    if pool.better_sign > 0 and low >= 0 and high <= 100:
        return 1.0 if high <= 1 else 100.0
    return float(high - low) or 1.0
