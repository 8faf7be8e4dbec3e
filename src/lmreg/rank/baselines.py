"""Cheap rankings of the pool. A super-net must beat the best of them to be worth its training.

No baseline sees the truth of the pool; the regressions are fitted to the landmarks. `lmreg.rank.compare`
takes any list of `Ranking`s as rivals, so a further baseline needs no change there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from lmreg.config.identity import config_hash, result_config
from lmreg.experiment.study import Study
from lmreg.landmarks.truth import LandmarkSet
from lmreg.predictor.ridge import ridge
from lmreg.rank.pool import Ranking, rankings
from lmreg.rank.score_cache import ScoreCache
from lmreg.space.base import Arch, Space
from lmreg.util.files import read_table, write_table

COSTS = ("params", "macs")
"""The baselines by size, which are the columns of `Study.cost`: the larger network is ranked higher."""
_PART = 10_000  # architectures that are encoded together

RIDGE, RIDGE_COSTS, RIDGE_SCORE = "ridge", "ridge_costs", "ridge_score"


def ridge_costs_ranking(
    space: Space,
    landmarks: LandmarkSet,
    pool: LandmarkSet,
    costs: pd.DataFrame,
    source: ScoreCache | None = None,
    label: str = "",
) -> Ranking:
    """Return the `ridge_ranking` with the ranks by size as further features; ``costs`` of landmarks and pool
    as from `network_costs`."""
    archs = [space.format(arch) for some in (landmarks, pool) for arch in some.archs]
    columns = [costs.loc[archs, name].to_numpy(float) for name in COSTS]
    return ridge_ranking(space, landmarks, pool, source, label, RIDGE_COSTS, columns)


def network_costs(study: Study, members: Sequence[LandmarkSet], cache: Path) -> pd.DataFrame:
    """Return parameters and MACs of the stand-alone networks by text form, counted once into ``cache``."""
    texts = {study.space.format(arch): arch for some in members for arch in some.archs}
    config = result_config(study.cfg)
    about = {key: config[key] for key in ("space", "network", "task")}
    key = config_hash(about | {"shape": repr(study.data.shape), "classes": len(study.data.classes)})
    path = cache / f"costs-{key}.csv"
    known = pd.DataFrame()
    if path.exists():
        known = read_table(path, {"arch", *COSTS}).astype({"arch": str}).set_index("arch")
    new = {text: arch for text, arch in texts.items() if text not in known.index}
    if new:
        counted = pd.DataFrame([{"arch": text, **study.cost(arch)} for text, arch in new.items()])
        known = pd.concat([known, counted.set_index("arch")])
        write_table(path, known.reset_index(names="arch"))
    return known.loc[list(texts)]


def cost_rankings(space: Space, pool: LandmarkSet, costs: pd.DataFrame) -> list[Ranking]:
    """Return the cheap rankings by the networks' size; ``costs`` as from `network_costs`."""
    table = costs.loc[[space.format(arch) for arch in pool.archs]]
    return [Ranking(table[name].to_numpy(float), baseline=name) for name in COSTS]


def ridge_ranking(
    space: Space,
    landmarks: LandmarkSet,
    pool: LandmarkSet,
    source: ScoreCache | None = None,
    label: str = "",
    name: str = RIDGE,
    columns: Sequence[np.ndarray] = (),
) -> Ranking:
    """Rank by ridge regression on one-hot operations, fitted to the landmarks' ranks by stand-alone score.

    Args:
        source, label: of the run whose own landmarks these are, or whose scores are a feature.
        columns: further features, each with the values of the landmarks and then those of the pool; the
            regression sees their ranks.
    """
    count, ranks = len(landmarks.archs), [_ranks(column) for column in columns]

    def features(archs: Sequence[Arch], start: int) -> np.ndarray:
        """The features of ``archs``, whose values begin at ``start`` in the columns."""
        one_hot = np.stack([space.encode(arch) for arch in archs]).astype(np.float64)
        return np.column_stack([one_hot, *(column[start : start + len(archs)] for column in ranks)])

    # Ranks rather than scores, because one architecture that hardly trains would outweigh all others. On
    # NAS-Bench-201 with 30 landmarks this raises tau from .39 to .45, and a baseline should be strong.
    targets = stats.rankdata(landmarks.better_sign * landmarks.scores)
    predict = ridge(features(landmarks.archs, 0), targets).predict
    # In parts, because the features of a whole benchmark take gigabytes.
    starts = range(0, len(pool.archs), _PART)
    parts = [predict(features(pool.archs[i : i + _PART], count + i)) for i in starts]
    return Ranking(np.concatenate(parts), source, label, baseline=name, landmarks=count)


def ridge_and_score_rankings(
    source: ScoreCache, label: str, landmarks: LandmarkSet, pool: LandmarkSet
) -> list[Ranking]:
    """Return the `ridge_ranking` with the rank by a super-net score as a further feature, for each score.

    It is no evidence for a super-net that was regularised with the same landmarks, because its scores have
    already been fitted to them.
    """
    space, found = source.study.space, []
    both = (rankings(source, label, members) for members in (landmarks, pool))
    for of_landmarks, of_pool in zip(*both, strict=True):
        column = np.concatenate([of_landmarks.values, of_pool.values])
        ranking = ridge_ranking(space, landmarks, pool, source, label, RIDGE_SCORE, [column])
        found.append(replace(ranking, score=of_pool.score))
    return found


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return standardised ranks: a feature without outliers and without a unit."""
    ranks = stats.rankdata(values)
    return (ranks - ranks.mean()) / max(float(ranks.std()), 1e-9)
