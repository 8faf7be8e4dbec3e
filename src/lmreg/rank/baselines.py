"""Cheap rankings of the pool, the best of which a super-net must beat to be worth its training.

None of them sees the truth of the pool. Landmarks are training data of the regressions only. Whatever
`Ranking` a list of cheap ones holds is a rival: `lmreg.rank.compare` doesn't ask how it came about.
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
from lmreg.rank.pool import Ranking, rankings
from lmreg.rank.ridge import ridge
from lmreg.rank.score_cache import ScoredRun
from lmreg.space.base import Arch, Space
from lmreg.util.files import read_table, write_table

COSTS = {"params": "params", "macs": "macs"}
"""Baseline by column of `Study.cost`: the larger network is taken for the better one."""
_PART = 10_000  # architectures that are encoded at a time

RIDGE, RIDGE_COSTS, RIDGE_SCORE = "ridge", "ridge_costs", "ridge_score"


def by_landmarks(
    space: Space,
    landmarks: LandmarkSet,
    pool: LandmarkSet,
    costs: pd.DataFrame,
    run: ScoredRun | None = None,
    label: str = "",
) -> list[Ranking]:
    """The cheap rankings that are fitted to landmarks.

    Args:
        costs: of landmarks and pool, see `costs_of`.
        run: whose landmarks they are, and its ``label``, where they aren't just the study's.
    """
    archs = [space.format(arch) for some in (landmarks, pool) for arch in some.archs]
    columns = [costs.loc[archs, name].to_numpy(float) for name in COSTS.values()]
    return [
        by_ridge(space, landmarks, pool, run, label),
        by_ridge(space, landmarks, pool, run, label, RIDGE_COSTS, columns),
    ]


def costs_of(study: Study, members: Sequence[LandmarkSet], cache: Path) -> pd.DataFrame:
    """Parameters and MACs of the stand-alone networks of ``study`` by text form, counted once into
    ``cache``."""
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


def by_cost(space: Space, pool: LandmarkSet, costs: pd.DataFrame) -> list[Ranking]:
    """The cheap rankings that know only of size, see `costs_of`."""
    table = costs.loc[[space.format(arch) for arch in pool.archs]]
    return [Ranking(table[column].to_numpy(float), baseline=name) for name, column in COSTS.items()]


def by_ridge(
    space: Space,
    landmarks: LandmarkSet,
    pool: LandmarkSet,
    run: ScoredRun | None = None,
    label: str = "",
    name: str = RIDGE,
    columns: Sequence[np.ndarray] = (),
) -> Ranking:
    """Ridge regression on one-hot operations, fitted to how the landmarks rank by stand-alone score.

    Args:
        run, label: as for `by_landmarks`.
        columns: further features by which landmarks and pool, in that order, are ranked together.
    """
    count, ranks = len(landmarks.archs), [_ranks(column) for column in columns]

    def features(archs: Sequence[Arch], start: int) -> np.ndarray:
        """Of ``archs``, which stand in the columns from ``start`` on."""
        one_hot = np.stack([space.encode(arch) for arch in archs]).astype(np.float64)
        return np.column_stack([one_hot, *(column[start : start + len(archs)] for column in ranks)])

    predict = ridge(features(landmarks.archs, 0), _targets(landmarks))
    # In parts: the features of a whole benchmark are gigabytes.
    starts = range(0, len(pool.archs), _PART)
    parts = [predict(features(pool.archs[i : i + _PART], count + i)) for i in starts]
    return Ranking(np.concatenate(parts), run, label, baseline=name, landmarks=count)


def by_ridge_and_score(
    run: ScoredRun, label: str, landmarks: LandmarkSet, pool: LandmarkSet
) -> list[Ranking]:
    """As `by_ridge` with the rank by one of the super-net's scores as a further feature.

    It doesn't vouch for a super-net that was regularised with the same landmarks: the regression sees them
    through that score too.
    """
    space, found = run.study.space, []
    pairs = (rankings(run, label, some) for some in (landmarks, pool))
    for of_landmarks, of_pool in zip(*pairs, strict=True):
        column = np.concatenate([of_landmarks.values, of_pool.values])
        made = by_ridge(space, landmarks, pool, run, label, RIDGE_SCORE, [column])
        found.append(replace(made, score=of_pool.score))
    return found


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks, standardised: a feature without outliers and without a unit."""
    ranks = stats.rankdata(values)
    return (ranks - ranks.mean()) / max(float(ranks.std()), 1e-9)


def _targets(landmarks: LandmarkSet) -> np.ndarray:
    # Ranks, not scores: an architecture that hardly trains would outweigh all others. On NAS-Bench-201
    # with 30 landmarks that makes tau .45 instead of .39, and a baseline should be a strong one.
    return stats.rankdata(landmarks.better_sign * landmarks.scores)
