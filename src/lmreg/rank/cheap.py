"""All cheap rankings of a pool: by size, by training-free scores, and by predictors."""

from __future__ import annotations

from pathlib import Path

from lmreg.experiment.study import Study
from lmreg.landmarks.truth import LandmarkSet
from lmreg.predictor.base import Known
from lmreg.rank.baselines import COSTS, cost_rankings, network_costs, ridge_costs_ranking
from lmreg.rank.pool import Ranking
from lmreg.rank.prediction import Predicted, known_of, predictions
from lmreg.rank.proxy_scores import ProxyScores
from lmreg.rank.score_cache import ScoreCache


class CheapRankings:
    """The cheap rankings of ``pool``, whose costs are counted once into the folder ``cache``."""

    def __init__(self, study: Study, pool: LandmarkSet, proxies: ProxyScores, cache: Path):
        self._study, self._pool, self._proxies, self._cache = study, pool, proxies, cache

    def known(self, landmarks: LandmarkSet) -> Known:
        """Return what predictors may know of ``landmarks`` and pool."""
        table = self._proxies.table([*landmarks.archs, *self._pool.archs])
        return known_of(self._study.space, landmarks, self._pool, table)

    def fitted_to(
        self, landmarks: LandmarkSet, source: ScoreCache | None = None, label: str = ""
    ) -> tuple[list[Ranking], list[Predicted]]:
        """Return all cheap rankings and, of these, the predictors'; ``source`` and ``label`` are of the run
        whose own the landmarks are, if they aren't the study's."""
        study, pool = self._study, self._pool
        costs = network_costs(study, [landmarks, pool], self._cache)
        proxies = self._proxies.table(pool.archs)
        others = [name for name in self._proxies.names if name not in COSTS]
        by_proxy = [Ranking(proxies[name].to_numpy(float), baseline=name) for name in others]
        predicted = predictions(self.known(landmarks), source, label)
        by_ridge = ridge_costs_ranking(study.space, landmarks, pool, costs, source, label)
        by_predictor = [one.ranking for one in predicted]
        by_cost = cost_rankings(study.space, pool, costs)
        return [*by_cost, *by_proxy, by_ridge, *by_predictor], predicted
