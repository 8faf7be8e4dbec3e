"""The rankings of the held-out pool by the super-nets of finished searches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmreg.errors import LmregError
from lmreg.experiment.study import Study
from lmreg.landmarks.truth import LandmarkSet, Truth
from lmreg.rank.finished_run import FinishedRun
from lmreg.rank.score_cache import ScoreCache
from lmreg.space.isomorphism import IsomorphismIndex


@dataclass(frozen=True)
class Ranking:
    """One ranking of the pool: by one score of a run's super-net, or by a cheap baseline.

    Attributes:
        values: float64 [n] in the order of the pool; higher is better.
        source: the super-net scores that the values, or a part of them, come from; None if no super-net is
            involved.
        label: distinguishes the run of ``source`` from the others.
        score: short name of the super-net score.
        baseline: name of the baseline; empty for the super-net itself.
        landmarks: number of landmarks that a baseline was fitted to.
    """

    values: np.ndarray
    source: ScoreCache | None = None
    label: str = ""
    score: str = ""
    baseline: str = ""
    landmarks: int = 0

    @property
    def run(self) -> FinishedRun | None:
        """The run whose super-net is ranked or contributes to the values."""
        return None if self.source is None else self.source.run

    @property
    def run_name(self) -> str:
        """The name of `run`, or empty."""
        return "" if self.run is None else self.run.name


def held_out(truth: Truth, runs: list[FinishedRun], study: Study) -> LandmarkSet:
    """Return the pool without landmarks of the study and the runs, and without their functional equals.
    Raises LmregError if fewer than two architectures are left.

    Pools made by earlier versions may hold some, since those versions compared architectures by other keys.
    """
    space, pool = study.space, truth.pool
    of_runs = {arch for run in runs for arch in run.landmark_archs(space)}
    used = IsomorphismIndex(space, [*truth.landmarks.archs, *sorted(of_runs)])
    keep = [i for i, arch in enumerate(pool.archs) if not used.isomorphic_to(arch)]
    if len(keep) < 2:
        raise LmregError(
            f"only {len(keep)} architectures of the pool are not landmarks; enlarge landmarks.pool"
        )
    return pool.subset(keep)


def ranking_table(source: ScoreCache, pool: LandmarkSet) -> pd.DataFrame:
    """Return the truth and the super-net's scores of the pool: ``arch``, ``truth_<column>``, and one column
    per score of the task."""
    about = {"arch": [source.study.space.format(a) for a in pool.archs], f"truth_{pool.column}": pool.scores}
    return pd.concat([pd.DataFrame(about), source.scores(pool.archs)], axis=1)


def rankings(source: ScoreCache, label: str, pool: LandmarkSet) -> list[Ranking]:
    """Return a super-net's rankings of the pool, one for each score of the task."""
    table = source.scores(pool.archs)
    return [
        Ranking(score.sign * table[score.column].to_numpy(), source, label, name)
        for name, score in source.study.task.scores.items()
    ]


def by_run(rankings: Iterable[Ranking]) -> dict[str, list[Ranking]]:
    """Return the rankings that have a run by its name."""
    found: dict[str, list[Ranking]] = {}
    for ranking in rankings:
        if ranking.run is not None:
            found.setdefault(ranking.run_name, []).append(ranking)
    return found


def identical_super_nets(rankings: list[Ranking]) -> list[list[str]]:
    """Return groups of runs that have the same super-net, since all their scores agree to the last digit.

    Super-nets whose scores are all equal are ignored.
    """
    same: dict[bytes, list[str]] = {}
    for name, of_run in by_run(rankings).items():
        table = np.stack([ranking.values for ranking in of_run])
        if np.ptp(table, axis=1).any():
            same.setdefault(table.tobytes(), []).append(name)
    return [names for names in same.values() if len(names) > 1]
