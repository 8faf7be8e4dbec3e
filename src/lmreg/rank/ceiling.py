"""The ceiling: how well a perfect ranking could agree with a truth that is itself only measured.

Stand-alone trainings of other seeds order the pool differently, so even the order of the true mean scores
doesn't reach a tau of 1 with the measured ones. The agreement of single seeds tells how far it gets.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np

from lmreg.landmarks.truth import LandmarkSet
from lmreg.rank.correlation import kendall_tau_b
from lmreg.rank.intervals import Estimate
from lmreg.rank.statistics import Truths

CEILING, TRUTH_SEEDS = "ceiling", "truth_seeds"
"""What the ceiling and the agreement of seeds are called in tables of rankings."""

_SEED = 20210619


@dataclass(frozen=True)
class Ceiling:
    """Of the truth of a pool.

    Attributes:
        tau: what a perfect ranking of the true means is expected to reach.
        agreement: Kendall's tau between two training seeds, the mean over all pairs of seeds.
        trainings: how many trainings the truth of an architecture is the mean of, on average.
        from_errors: whether the seeds' scores were made up from standard errors.
    """

    tau: Estimate
    agreement: Estimate
    trainings: float
    from_errors: bool


def ceiling(pool: LandmarkSet, truths: Truths, trainings: int | None) -> Ceiling | None:
    """The ceiling of ``pool``; None where nothing is known of its truth's noise.

    Where the scores by seed are not known, but means and standard errors are, scores with just these are
    drawn. That leaves the ceiling too low where seeds shift the scores of all architectures together.

    Args:
        truths: of the same pool.
        trainings: how many trainings each score is the mean of, for use with standard errors.
    """
    by_seed, drawn = pool.by_seed, False
    if by_seed is None or by_seed.shape[1] < 2:
        if not trainings or trainings < 2 or not np.isfinite(pool.errors).all():
            return None
        by_seed, drawn = _made_up(pool, trainings), True
    taus = []
    for one, other in itertools.combinations(by_seed.T, 2):
        both = np.isfinite(one) & np.isfinite(other)
        if both.sum() > 1:
            agreement = functools.partial(_agreement, one[both], other[both], both)
            taus.append(truths.resampled(agreement, truths.values))
    if not taus or not np.isfinite(mean := np.mean(taus, axis=0))[0]:
        return None
    count = float(np.isfinite(by_seed).sum(1).mean())
    tau = expected_tau(mean, count)
    return Ceiling(truths.estimate(tau), truths.estimate(mean), count, drawn)


def _agreement(
    one: np.ndarray,
    other: np.ndarray,
    both: np.ndarray,
    truth: np.ndarray,
    score: np.ndarray,
    counts: np.ndarray,
) -> np.ndarray:
    """Kendall's tau of two seeds' scores, of those architectures that have ``both``."""
    return kendall_tau_b(one, other, counts[:, both])


def expected_tau(agreement: np.ndarray, trainings: float) -> np.ndarray:
    """Kendall's tau of the true means with means over ``trainings``, from that of two single trainings.

    sin(π τ / 2) is the correlation r behind a tau of a normal copula; k r / (1 + (k − 1) r) is that of two
    means over k; its root is that of such a mean with the true one. No agreement at all gives 0.

    Sources: Greiner, Zeitschrift für Mathematik und Physik 1909 (see Kruskal, JASA 1958); Spearman, and
    Brown, British Journal of Psychology 1910.
    """
    single = np.maximum(np.sin(np.pi / 2 * agreement), 0.0)
    reliability = trainings * single / (1 + (trainings - 1) * single)
    return np.asarray(2 / np.pi * np.arcsin(np.sqrt(reliability)))


def _made_up(pool: LandmarkSet, trainings: int) -> np.ndarray:
    """Scores [n, trainings] with the pool's means and standard errors, in random directions."""
    noise = np.random.default_rng(_SEED).normal(size=(len(pool.scores), trainings))
    noise -= noise.mean(1, keepdims=True)
    noise *= (np.sqrt(trainings) * pool.errors / noise.std(1, ddof=1))[:, None]
    return pool.scores[:, None] + noise
