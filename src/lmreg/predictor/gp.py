"""The vote of the training-free scores, corrected by landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize

from lmreg.predictor.base import Known, Prediction, Predictor, normal_scores
from lmreg.predictor.vote import vote

# The prior of the hyper-parameters, for landmarks' scores of standard deviation 1: log-normal ones for the
# amplitude a and length l of the covariance between architectures, the amplitude b of the weights of the
# training-free scores, and the noise; normal ones for the slope of the vote and the mean. They keep ten
# landmarks from saying more than they know: with a wider prior the ranking is below the vote in some draws.
_LOG_MEANS = np.log([0.7, 1.0, 0.3, 0.3])
_LOG_DEVIATION = 0.3
_SLOPE, _SLOPE_DEVIATION, _MEAN_DEVIATION = 0.7, 0.25, 0.3
_LEAST_NOISE = 0.05
_PART = 10_000  # architectures that are predicted together


@dataclass
class Config:
    name: str = "gp"


class GaussianProcess(Predictor):
    """The vote as prior mean, and a Gaussian process for what landmarks add to it.

    The landmarks' targets are `normal_scores`, so that one network that doesn't train weighs no more than any
    other. With p the normal scores of the k training-free scores, the covariance is
    a² exp(−d / l) + b² p·p' / k + noise. Its second term gives every score a weight of its own beside the
    vote, so that landmarks can turn against one that misleads. In its first, d is the mean over the views of
    an architecture, of which p is one, of the squared distance in units of its median between landmarks.
    Hyper-parameters maximise the marginal likelihood times their prior; the noise is at least the landmarks'
    standard error.

    Source: Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, sections 2.7 (explicit
    mean), 5.4.1 (marginal likelihood) and 5.4.2 (leave-one-out, equation 5.12). It isn't a library's, as
    scikit-learn's has neither a mean with a slope nor priors of hyper-parameters.
    """

    def __init__(self, config: Config):
        self.config = config

    def predict(self, known: Known) -> Prediction:
        m, targets = known.landmarks, normal_scores(known.scores)
        voted, features = vote(known.ballot), _standardised(known.proxies)
        spread = float(known.scores.std())
        least = _LEAST_NOISE if not known.error or not spread else max(_LEAST_NOISE, known.error / spread)
        all_views = (*known.views, features) if features.size else known.views
        scales = [_median_distance(view[:m]) for view in all_views]

        def distances(rows: slice) -> np.ndarray:
            views = zip(all_views, scales, strict=True)
            return np.mean(
                [_squared_distances(view[rows], view[:m]) / scale for view, scale in views], axis=0
            )

        def covariance(logs: np.ndarray, distance: np.ndarray, similarity: np.ndarray) -> np.ndarray:
            amplitude, length, linear = np.exp(logs[:3])
            return amplitude**2 * np.exp(-distance / length) + linear**2 * similarity

        among = slice(0, m)
        distance, similarity = distances(among), features[:m] @ features[:m].T

        def factor(logs: np.ndarray) -> np.ndarray:
            noise = np.exp(2 * logs[3]) + least**2
            return linalg.cholesky(covariance(logs, distance, similarity) + noise * np.eye(m), lower=True)

        def cost(values: np.ndarray) -> float:
            logs, slope, mean = values[:4], values[4], values[5]
            lower = factor(logs)
            whitened = linalg.solve_triangular(lower, targets - slope * voted[:m] - mean, lower=True)
            prior = (((logs - _LOG_MEANS) / _LOG_DEVIATION) ** 2).sum()
            prior += ((slope - _SLOPE) / _SLOPE_DEVIATION) ** 2 + (mean / _MEAN_DEVIATION) ** 2
            return float((whitened @ whitened + prior) / 2 + np.log(np.diag(lower)).sum())

        fitted = optimize.minimize(cost, [*_LOG_MEANS, _SLOPE, 0.0], method="L-BFGS-B").x
        logs, slope, mean = fitted[:4], fitted[4], fitted[5]
        lower = factor(logs)
        residuals = targets - slope * voted[:m] - mean
        weights = linalg.cho_solve((lower, True), residuals)
        precision = np.diag(linalg.cho_solve((lower, True), np.eye(m)))
        means, deviations = [], []
        for start in range(0, len(voted), _PART):
            rows = slice(start, min(start + _PART, len(voted)))
            cross = covariance(logs, distances(rows), features[rows] @ features[:m].T)
            own = np.exp(2 * logs[0]) + np.exp(2 * logs[2]) * (features[rows] ** 2).sum(1)
            explained = (linalg.solve_triangular(lower, cross.T, lower=True) ** 2).sum(0)
            means.append(slope * voted[rows] + mean + cross @ weights)
            deviations.append(np.sqrt(np.maximum(own - explained, 0)))
        return Prediction(np.concatenate(means), np.concatenate(deviations), targets - weights / precision)


def _standardised(proxies: np.ndarray) -> np.ndarray:
    """Return normal scores [n, k] of length about 1 per architecture."""
    return normal_scores(proxies) / np.sqrt(max(1, proxies.shape[1]))


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the squared Euclidean distances [n, m] of rows."""
    return np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0)


def _median_distance(view: np.ndarray) -> float:
    """Return the median squared distance between different rows; 1 if there are none."""
    between = _squared_distances(view, view)[np.triu_indices(len(view), k=1)]
    return float(np.median(between[between > 0])) if (between > 0).any() else 1.0
