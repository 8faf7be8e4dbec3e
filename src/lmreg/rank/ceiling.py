"""The ceiling: how well a perfect ranking could agree with a truth that is measured with noise.

Stand-alone trainings with other seeds order the pool differently, so even the true mean scores don't reach a
tau of 1 with the measured ones. The tau that they would reach follows from how well single seeds agree.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from lmreg.landmarks.truth import LandmarkSet
from lmreg.rank.correlation import kendall_tau_b
from lmreg.rank.intervals import Estimate
from lmreg.rank.statistics import ResampledTruth

CEILING, TRUTH_SEEDS = "ceiling", "truth_seeds"
"""The names of `Ceiling.tau` and `Ceiling.agreement` in tables of rankings."""

_SEED = 20210619


@dataclass(frozen=True)
class Ceiling:
    """The ceiling of a pool.

    Attributes:
        tau: Kendall's tau that a ranking by the true means is expected to reach.
        agreement: Kendall's tau between two training seeds, averaged over all pairs of seeds.
        trainings: mean number of trainings that an architecture's score is averaged over.
        from_errors: whether the scores by seed were simulated from standard errors.
    """

    tau: Estimate
    agreement: Estimate
    trainings: float
    from_errors: bool

    @property
    def by_name(self) -> dict[str, Estimate]:
        """`tau` and `agreement` by their names in tables of rankings."""
        return {CEILING: self.tau, TRUTH_SEEDS: self.agreement}


def ceiling(pool: LandmarkSet, truth: ResampledTruth, trainings: int | None) -> Ceiling | None:
    """Return the ceiling of ``pool``; None if the noise of its truth is unknown.

    If only means and standard errors are known, scores by seed are simulated that have exactly these. The
    ceiling is then too low if a seed shifts the scores of all architectures together.

    Args:
        truth: of the same pool.
        trainings: number of trainings that each score is the mean of; only used with standard errors.
    """
    by_seed, drawn = pool.by_seed, False
    if by_seed is None or by_seed.shape[1] < 2:
        if not trainings or trainings < 2 or not np.isfinite(pool.errors).all():
            return None
        by_seed, drawn = _simulated_seeds(pool, trainings), True
    taus = []
    for one, other in itertools.combinations(by_seed.T, 2):
        both = np.isfinite(one) & np.isfinite(other)
        if both.sum() > 1:
            parts = [kendall_tau_b(one[both], other[both], c[:, both]) for c in truth.draws.parts()]
            taus.append(np.concatenate(parts))
    if not taus or not np.isfinite(mean := np.mean(taus, axis=0))[0]:
        return None
    count = float(np.isfinite(by_seed).sum(1).mean())
    tau = expected_tau(mean, count)
    return Ceiling(truth.estimate(tau), truth.estimate(mean), count, drawn)


def expected_tau(agreement: np.ndarray, trainings: float) -> np.ndarray:
    """Return the tau of the true means with means over ``trainings``, given that of two single trainings.

    With a normal copula, a tau between single trainings corresponds to the correlation r = sin(π τ / 2). Two
    means over k trainings then correlate with k r / (1 + (k − 1) r), and such a mean with the true mean by
    the square root of that. Without any agreement the result is 0.

    Sources: Greiner, Zeitschrift für Mathematik und Physik 1909 (see Kruskal, JASA 1958); Spearman, and
    Brown, British Journal of Psychology 1910.
    """
    single = np.maximum(np.sin(np.pi / 2 * agreement), 0.0)
    reliability = trainings * single / (1 + (trainings - 1) * single)
    return np.asarray(2 / np.pi * np.arcsin(np.sqrt(reliability)))


def _simulated_seeds(pool: LandmarkSet, trainings: int) -> np.ndarray:
    """Draw scores [n, trainings] that have exactly the pool's means and standard errors."""
    noise = np.random.default_rng(_SEED).normal(size=(len(pool.scores), trainings))
    noise -= noise.mean(1, keepdims=True)
    noise *= (np.sqrt(trainings) * pool.errors / noise.std(1, ddof=1))[:, None]
    return pool.scores[:, None] + noise
