"""Cheap rankings of the pool, which a super-net must beat to be worth its training.

None of them sees the truth of the pool. Landmarks are training data of the regressions only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from lmreg.files import digest, read_table, write_table
from lmreg.identity import plain
from lmreg.rank.pool import Ranking, rankings
from lmreg.rank.ridge import ridge
from lmreg.rank.scored import ScoredRun
from lmreg.space.base import Space
from lmreg.study import Study
from lmreg.truth import LandmarkSet

COSTS = {"params": "params", "macs": "macs"}
"""Baseline by column of `Study.cost`: the larger network is taken for the better one."""
RIDGE, RIDGE_SCORE = "ridge", "ridge_score"


def by_cost(study: Study, pool: LandmarkSet, cache: Path) -> list[Ranking]:
    """By parameters and by MACs of the stand-alone networks of ``study``, counted once into ``cache``."""
    archs = [study.space.format(arch) for arch in pool.archs]
    key = digest(repr([plain(study.cfg.network), study.data.shape, len(study.data.classes)]).encode())
    path = cache / f"costs-{key}.csv"
    known = read_table(path, {"arch", *COSTS}).set_index("arch") if path.exists() else pd.DataFrame()
    new = [(text, arch) for text, arch in zip(archs, pool.archs, strict=True) if text not in known.index]
    if new:
        counted = pd.DataFrame([{"arch": text, **study.cost(arch)} for text, arch in new]).set_index("arch")
        known = pd.concat([known, counted])
        write_table(path, known.reset_index(names="arch"))
    table = known.loc[archs]
    return [Ranking(table[column].to_numpy(float), baseline=name) for column, name in COSTS.items()]


def by_ridge(
    space: Space, landmarks: LandmarkSet, pool: LandmarkSet, run: ScoredRun | None = None, label: str = ""
) -> Ranking:
    """Ridge regression on one-hot operations, fitted to how the landmarks rank by stand-alone score.

    Args:
        run: whose landmarks they are, and its ``label``, where they aren't just the study's.
    """
    values = ridge(_one_hot(space, landmarks), _targets(landmarks), _one_hot(space, pool))
    return Ranking(values, run, label, baseline=RIDGE, landmarks=len(landmarks.archs))


def by_ridge_and_score(
    run: ScoredRun, label: str, landmarks: LandmarkSet, pool: LandmarkSet
) -> list[Ranking]:
    """As `by_ridge` with the rank by one of the super-net's scores as a further feature.

    The rank among landmarks and pool together, standardised: it has no outliers and no unit.
    """
    count = len(landmarks.archs)
    one_hot = np.vstack([_one_hot(run.study.space, some) for some in (landmarks, pool)])
    found = []
    pairs = (rankings(run, label, some) for some in (landmarks, pool))
    for of_landmarks, of_pool in zip(*pairs, strict=True):
        ranks = stats.rankdata(np.concatenate([of_landmarks.values, of_pool.values]))
        features = np.column_stack([one_hot, (ranks - ranks.mean()) / max(ranks.std(), 1e-9)])
        values = ridge(features[:count], _targets(landmarks), features[count:])
        found.append(Ranking(values, run, label, of_pool.score, RIDGE_SCORE, count))
    return found


def _one_hot(space: Space, members: LandmarkSet) -> np.ndarray:
    return np.stack([space.encode(arch) for arch in members.archs]).astype(np.float64)


def _targets(landmarks: LandmarkSet) -> np.ndarray:
    # Ranks, not scores: an architecture that hardly trains would outweigh all others. On NAS-Bench-201
    # with 30 landmarks that makes tau .45 instead of .39, and a baseline should be a strong one.
    return stats.rankdata(landmarks.better_sign * landmarks.scores)
