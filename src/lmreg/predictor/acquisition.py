"""How much an architecture promises, by what is predicted of it and how sure that is."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

ACQUISITIONS = {
    "best": "best candidates",
    "ucb": "candidates of the highest upper confidence bound",
    "ei": "candidates of the highest expected improvement",
}
"""The values of ``landmarks.acquire``, in words."""
UCB_DEVIATIONS = 1.0


def expected_improvement(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    """Return by how much each architecture is expected to exceed ``best``, where it does; 0 where it doesn't.

    Args:
        mean, deviation: of the predictions [n]; a deviation of 0 is a value that is known.
        best: the best value so far, in the same unit.

    Source: Jones, Schonlau, Welch, "Efficient Global Optimization of Expensive Black-Box Functions", Journal
    of Global Optimization 1998, equation 15.
    """
    above = mean - best
    sure = deviation <= 0
    z = np.divide(above, deviation, out=np.zeros_like(above), where=~sure)
    found = above * ndtr(z) + deviation * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return np.where(sure, np.maximum(above, 0), found)


def upper_confidence_bound(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return the predictions [n] plus one standard deviation each.

    Source: Srinivas et al., "Gaussian Process Optimization in the Bandit Setting: No Regret and Experimental
    Design", ICML 2010, equation 6, with a constant weight.
    """
    return mean + UCB_DEVIATIONS * deviation
