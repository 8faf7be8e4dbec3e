"""Predictors' rankings of the pool, what super-nets add to them, and which ranking to trust."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from lmreg.config.build import choice_of
from lmreg.config.catalogue import choices
from lmreg.landmarks.truth import LandmarkSet
from lmreg.predictor.base import Known, Prediction, Predictor, normal_scores
from lmreg.predictor.encoding import encodings
from lmreg.rank.compare import alike, matched_pairs
from lmreg.rank.correlation import kendall_tau_b
from lmreg.rank.finished_run import NO_REGULARISER, shared_overrides
from lmreg.rank.pool import Ranking
from lmreg.rank.score_cache import ScoreCache
from lmreg.rank.statistics import ResampledTruth
from lmreg.space.base import Arch, Space

VOTE, RIDGE, GP, WITH_SUPER_NET = "vote", "ridge", "gp", "gp_super_net"
NAMES = {
    VOTE: "the vote of the training-free scores",
    RIDGE: "ridge regression on the landmarks",
    GP: "the Gaussian process of landmarks and training-free scores",
    WITH_SUPER_NET: "the Gaussian process and the super-net",
}
_FEWEST = 4  # landmarks whose left-out predictions can choose
_SURE = 2.0
"""By how many standard errors another predictor's tau on left-out landmarks must be higher than the Gaussian
process's, to be recommended in its place."""
_LIKELY = 1.0
"""The same for the combination with super-nets, whose weight is shrunk towards zero already."""


@dataclass(frozen=True)
class Predicted:
    """A predictor's ranking of the pool.

    Attributes:
        prediction: of the landmarks and then the pool.
    """

    ranking: Ranking
    prediction: Prediction

    @property
    def name(self) -> str:
        return self.ranking.baseline

    @property
    def left_out(self) -> np.ndarray:
        """What is predicted of each landmark without its own score, float64 [m]."""
        return self.prediction.left_out


def known_of(
    space: Space,
    landmarks: LandmarkSet,
    others: Sequence[Arch],
    proxies: np.ndarray,
    voters: int | None = None,
) -> Known:
    """Return what predictors may know of landmarks and ``others``: their training-free scores [n, k] in this
    order, and how many of these vote, see `ProxyScores`."""
    views = encodings(space, [*landmarks.archs, *others])
    return Known(views, proxies, landmarks.better_sign * landmarks.scores, landmarks.pooled_error, voters)


def predictions(known: Known, source: ScoreCache | None = None, label: str = "") -> list[Predicted]:
    """Return the ranking of the pool by every predictor of the catalogue; ``source`` and ``label`` are of the
    run whose own landmarks these are, if they are a run's. Without training-free scores there is no vote."""
    found = []
    for name in choices("predictor"):
        if name == VOTE and not known.proxies.size:
            continue
        cls, config = choice_of("predictor", name, Predictor)
        result: Prediction = cls(config).predict(known)  # type: ignore[call-arg]
        fitted = 0 if name == VOTE else known.landmarks
        ranking = Ranking(result.mean[known.landmarks :], source, label, baseline=name, landmarks=fitted)
        found.append(Predicted(ranking, result))
    return found


class Combination(NamedTuple):
    """How a super-net's scores and a prediction are added up."""

    of_prediction: float
    of_super_net: float
    left_out: np.ndarray
    """The sum that each landmark would have without its own score, [m]."""


def combination(targets: np.ndarray, left_out: np.ndarray, scores: np.ndarray) -> Combination:
    """Return the weights with which a prediction and a super-net's scores predict ``targets`` [m].

    They are the posterior means of a linear regression on ``left_out``, what is predicted of each landmark
    without its score [m], and the super-net's normal scores of the same landmarks [m], which it must not have
    been trained to order. By prior the prediction is right and the super-net tells nothing.
    """
    features = np.column_stack([left_out, scores])
    prior, precision = np.array([1.0, 0.0]), np.diag([1 / 0.25**2, 1 / 0.3**2])
    noise = max(float(np.var(targets - left_out)), 0.05)
    inverse = np.linalg.inv(features.T @ features / noise + precision)
    residuals = targets - features @ prior
    change = inverse @ features.T @ residuals / noise
    leverage = np.einsum("mi,ij,mj->m", features, inverse, features) / noise
    without = targets - (residuals - features @ change) / (1 - leverage)
    of_prediction, of_super_net = (prior + change).tolist()
    return Combination(of_prediction, of_super_net, without)


def joined(
    known: Known, predicted: Sequence[Predicted], evidence: np.ndarray, scores: np.ndarray, label: str = ""
) -> Predicted:
    """Return the Gaussian process's prediction combined with a super-net's.

    Args:
        predicted: by every predictor, the Gaussian process among them.
        evidence: the landmarks' normal scores [m] by a super-net that wasn't trained to order them.
        scores: the normal scores [n] of landmarks and the others by the super-net that joins in.
        label: the super-net's.
    """
    base, count = next(one for one in predicted if one.name == GP), known.landmarks
    weights = combination(normal_scores(known.scores), base.prediction.left_out, evidence)
    mean = weights.of_prediction * base.prediction.mean + weights.of_super_net * scores
    deviation = abs(weights.of_prediction) * base.prediction.deviation
    ranking = Ranking(mean[count:], None, label, baseline=WITH_SUPER_NET, landmarks=count)
    return Predicted(ranking, Prediction(mean, deviation, weights.left_out))


def with_super_nets(
    known: Known,
    predicted: Sequence[Predicted],
    landmarks: LandmarkSet,
    pool: LandmarkSet,
    sources: Sequence[ScoreCache],
    norm: str | None = None,
) -> list[Predicted]:
    """Return the Gaussian process's ranking combined with the super-nets of each algorithm and regulariser,
    whose seeds are averaged.

    A regularised super-net was fitted to the landmarks, so that its scores of these say nothing about it. Its
    weight is that of its unregularised counterpart, without which it isn't combined.
    """
    runs = [source.run for source in sources]
    by_name = {source.run.name: source for source in sources}
    counterpart = {run.name: without for without, run in matched_pairs(runs, norm)}
    shared = shared_overrides(runs)
    found, unregularised = [], set()
    for group in alike(runs, norm, "seed"):
        judged = [run if run.result["reg"] == NO_REGULARISER else counterpart.get(run.name) for run in group]
        if None in judged:
            continue
        evidence, mine = (
            _averaged([by_name[run.name] for run in some if run is not None], landmarks, pool)
            for some in (judged, group)
        )
        label = min((run.label(shared, seed=False) for run in group), key=len)
        if group[0].result["reg"] == NO_REGULARISER:
            unregularised.add(label)
        found.append(joined(known, predicted, evidence[: known.landmarks], mine, label))
    # Of equals, the first is recommended: with landmarks, since both have the evidence of the one without.
    return sorted(found, key=lambda one: one.ranking.label in unregularised)


def _averaged(sources: Sequence[ScoreCache], landmarks: LandmarkSet, pool: LandmarkSet) -> np.ndarray:
    """Return the normal scores of landmarks and pool by the score that chose the runs' candidates, averaged
    over the runs."""
    found = []
    for source in sources:
        score = source.study.task.scores[source.run.score(source.study.task)]
        table = source.scores([*landmarks.archs, *pool.archs])
        found.append(normal_scores(score.sign * table[score.column].to_numpy(float)))
    return normal_scores(np.mean(found, axis=0))


def recommended(predicted: Sequence[Predicted], scores: np.ndarray) -> Predicted:
    """Return the ranking to trust by the landmarks' ``scores`` [m]: the Gaussian process's, unless left-out
    landmarks agree significantly better with another predictor's; with super-nets, where these probably help.
    """
    chosen = next((one for one in predicted if one.name == GP), predicted[0])
    for name, errors in ((VOTE, _SURE), (RIDGE, _SURE), (WITH_SUPER_NET, _LIKELY)):
        rivals = [one for one in predicted if one.name == name]
        best = max(rivals, key=lambda one: left_out_tau(scores, one.left_out), default=chosen)
        taus, before = (_taus_without_each(scores, one.left_out) for one in (best, chosen))
        gains = taus - before
        if gains[0] > errors * _jackknife_error(gains[1:]) and taus[0] > 0:
            chosen = best
    return chosen


def left_out_tau(scores: np.ndarray, left_out: np.ndarray) -> float:
    """Return Kendall's tau-b between landmarks' scores and what is predicted of each without its own; 0 if
    one of both is constant."""
    return float(_taus_without_each(scores, left_out)[0])


def _taus_without_each(scores: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return tau-b over all landmarks, then without each in turn, [1 + m]; 0 where it isn't defined."""
    counts = np.vstack([np.ones(len(scores)), 1 - np.eye(len(scores))])
    return np.nan_to_num(kendall_tau_b(scores, values, counts))


def _jackknife_error(values: np.ndarray) -> float:
    """Return the standard error of a statistic, given its ``values`` [m] without each landmark; infinite with
    fewer than four, which can't tell."""
    if len(values) < _FEWEST:
        return np.inf
    return float(np.sqrt((len(values) - 1) * np.var(values)))


def recommendation(predicted: Sequence[Predicted], scores: np.ndarray, truth: ResampledTruth) -> pd.DataFrame:
    """Return ``recommended.csv``: a row per predictor with its tau on the pool and on left-out landmarks, its
    paired gain over the predictor that it adds a part to, and whether it is the `recommended` one.

    The pool's tau has no part in the choice; it says what the choice was worth.
    """
    taus = [truth.taus(one.ranking.values) for one in predicted]
    places, rows = {one.name: i for i, one in enumerate(predicted)}, []
    chosen = recommended(predicted, scores)
    for one, tau in zip(predicted, taus, strict=True):
        before = places.get({GP: VOTE, WITH_SUPER_NET: GP}.get(one.name, ""))
        gain = None if before is None else truth.estimate(tau - taus[before])
        about = {"ranking": one.name, "label": one.ranking.label, "landmarks": one.ranking.landmarks}
        about |= {"recommended": one is chosen, "left_out_tau": left_out_tau(scores, one.left_out)}
        of_pool = truth.estimate(tau)
        about |= {"kendall_tau": of_pool.value, "low": of_pool.low, "high": of_pool.high, "n": of_pool.n}
        about |= {"over": "" if before is None else predicted[before].name}
        about |= {f"gain{end}": getattr(gain, name, np.nan) for end, name in _GAIN.items()}
        rows.append(about)
    return pd.DataFrame(rows)


_GAIN = {"": "value", "_low": "low", "_high": "high"}
