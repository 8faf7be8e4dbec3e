"""Candidates ordered by what landmarks, training-free scores and perhaps a super-net predict of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lmreg.landmarks.truth import LandmarkSet
from lmreg.predictor.base import normal_scores
from lmreg.rank.prediction import NAMES, Predicted, joined, known_of, left_out_tau, predictions, recommended
from lmreg.rank.proxy_scores import Advance, ProxyScores
from lmreg.rank.scoring import DEVIATION, PREDICTED
from lmreg.space.base import Arch, Space
from lmreg.task.base import Score


class CandidatePredictor:
    """Predicts candidates' stand-alone scores by the predictor that left-out landmarks recommend.

    The predictions of a candidate are relative to the others: training-free scores enter by their ranks among
    landmarks and all candidates so far.
    """

    def __init__(
        self,
        space: Space,
        landmarks: LandmarkSet,
        proxies: ProxyScores,
        by: Score | None = None,
        super_net: pd.DataFrame | None = None,
    ):
        """
        Args:
            by: the super-net's score that joins the prediction with a weight that the landmarks decide; None
                if it must not, since it was trained to order them, or if there is none.
            super_net: the super-net's scores of the landmarks, if ``by`` is given.
        """
        self._space, self._landmarks, self._proxies, self._by = space, landmarks, proxies, by
        self._of_landmarks = proxies.table(landmarks.archs)
        self._super_net = super_net
        self._chosen: Predicted | None = None

    @property
    def left_out(self) -> np.ndarray:
        """What was last predicted of each landmark without its own score, float64 [m]."""
        return np.full(len(self._landmarks.archs), np.nan) if self._chosen is None else self._chosen.left_out

    def summary(self) -> dict[str, Any]:
        """Return what ordered the candidates: its name, and tau between the landmarks' scores and what is
        predicted of each without its own. That tau also chose the predictor, which makes it optimistic."""
        if self._chosen is None:
            return {}
        truth = self._landmarks.better_sign * self._landmarks.scores
        return {"predictor": self._chosen.name, "left_out_tau": left_out_tau(truth, self._chosen.left_out)}

    def in_words(self) -> str:
        """Say by what the candidates are ordered, and how far left-out landmarks agree."""
        if self._chosen is None:
            return ""
        return (
            f"candidates are ordered by {NAMES[self._chosen.name]}, whose predictions of left-out landmarks "
            f"agree with their scores at tau {self.summary()['left_out_tau']:.2f} "
            f"(n = {len(self._landmarks.archs)})"
        )

    def scores(self, archs: Sequence[Arch], advance: Advance) -> pd.DataFrame:
        """Return the training-free scores of ``archs``, a row each; ``advance`` is told about progress."""
        return self._proxies.table(archs, advance).reset_index(drop=True)

    def add(self, archs: Sequence[Arch], scores: pd.DataFrame) -> pd.DataFrame:
        """Return ``scores`` with the columns ``predicted``, in the unit of `normal_scores`, and
        ``predicted_sd``, its standard deviation, NaN where the predictor has none.

        Args:
            scores: training-free scores of ``archs``, and those of the super-net if it joins in.
        """
        count, names = len(self._landmarks.archs), self._proxies.names
        proxies = np.vstack([self._of_landmarks[names].to_numpy(float), scores[names].to_numpy(float)])
        known = known_of(self._space, self._landmarks, archs, proxies, self._proxies.voters)
        found = predictions(known)
        if self._by is not None and self._super_net is not None:
            column = self._by.column
            values = np.concatenate([self._super_net[column].to_numpy(), scores[column].to_numpy()])
            evidence = normal_scores(self._by.sign * values)
            found.append(joined(known, found, evidence[:count], evidence))
        self._chosen = recommended(found, known.scores)
        prediction = self._chosen.prediction
        return scores.assign(**{PREDICTED: prediction.mean[count:], DEVIATION: prediction.deviation[count:]})
