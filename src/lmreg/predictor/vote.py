"""The vote of the training-free scores, which needs no label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmreg.predictor.base import Known, Prediction, Predictor, normal_scores, ranks


@dataclass
class Config:
    name: str = "vote"


class Vote(Predictor):
    """Ranks by Σ log(rank / n) over the training-free scores, where the best has rank n.

    One bad rank weighs more than one good rank. Source: Lee & Ham, "AZ-NAS: Assembling Zero-Cost Proxies for
    Network Architecture Search", CVPR 2024, equation 10.
    """

    def __init__(self, config: Config):
        self.config = config

    def predict(self, known: Known) -> Prediction:
        mean = vote(known.ballot)
        return Prediction(mean, np.full(len(mean), np.nan), mean[: known.landmarks])


def vote(proxies: np.ndarray) -> np.ndarray:
    """Return the vote of ``proxies`` [n, k] as `normal_scores` [n]."""
    return normal_scores(np.log(ranks(proxies) / len(proxies)).sum(1))
