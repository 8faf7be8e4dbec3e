"""All cheap rankings of a pool: by size, by training-free scores, and by predictors."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lmreg.experiment.study import Study
from lmreg.landmarks.truth import LandmarkSet
from lmreg.predictor.base import Known
from lmreg.rank.baselines import COSTS, cost_rankings, network_costs, ridge_costs_ranking
from lmreg.rank.pool import Ranking
from lmreg.rank.prediction import Predicted, known_of, predictions
from lmreg.rank.proxy_scores import ProxyScores
from lmreg.rank.score_cache import ScoreCache


class Cheap(NamedTuple):
    """All cheap rankings, those of them that predictors made, and what these knew of landmarks and pool."""

    rankings: list[Ranking]
    predicted: list[Predicted]
    known: Known


class CheapRankings:
    """The cheap rankings of ``pool``, whose costs are counted once into the folder ``cache``."""

    def __init__(self, study: Study, pool: LandmarkSet, proxies: ProxyScores, cache: Path):
        self._study, self._pool, self._proxies, self._cache = study, pool, proxies, cache

    def fitted_to(self, landmarks: LandmarkSet, source: ScoreCache | None = None, label: str = "") -> Cheap:
        """Return the rankings; ``source`` and ``label`` are of the run whose own the landmarks are, if they
        aren't the study's."""
        study, pool = self._study, self._pool
        costs = network_costs(study, [landmarks, pool], self._cache)
        proxies = self._proxies.table([*landmarks.archs, *pool.archs])
        known = known_of(study.space, landmarks, pool.archs, proxies.to_numpy(float), self._proxies.voters)
        of_pool = proxies[len(landmarks.archs) :]
        others = [name for name in self._proxies.names if name not in COSTS]
        by_proxy = [Ranking(of_pool[name].to_numpy(float), baseline=name) for name in others]
        predicted = predictions(known, source, label)
        by_ridge = ridge_costs_ranking(study.space, landmarks, pool, costs, source, label)
        by_predictor = [one.ranking for one in predicted]
        by_cost = cost_rankings(study.space, pool, costs)
        return Cheap([*by_cost, *by_proxy, by_ridge, *by_predictor], predicted, known)
