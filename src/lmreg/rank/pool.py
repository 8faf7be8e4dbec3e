"""The held-out pool, as finished searches' super-nets order it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmreg.errors import LmregError
from lmreg.experiment.study import Study
from lmreg.landmarks.truth import LandmarkSet, Truth
from lmreg.rank.finished_run import FinishedRun
from lmreg.rank.score_cache import ScoredRun
from lmreg.space.isomorphism import IsomorphismIndex


@dataclass(frozen=True)
class Ranking:
    """The pool as one thing orders it: a run's super-net by one of its scores, or a cheap baseline.

    Attributes:
        values: float64 [n] in the order of the pool, growing with quality.
        run: whose super-net gave the values or a part of them; None if no super-net did.
        label: what tells that run from the others.
        score: the short name of the super-net's score.
        baseline: the baseline's name; empty for the super-net itself.
        landmarks: how many landmarks a baseline was fitted to.
    """

    values: np.ndarray
    run: ScoredRun | None = None
    label: str = ""
    score: str = ""
    baseline: str = ""
    landmarks: int = 0


def held_out(truth: Truth, runs: list[FinishedRun], study: Study) -> LandmarkSet:
    """The pool without any landmark of the study or of a run, and without what is one function with one.

    Pools of earlier versions hold such: those went by keys that told some of them apart.
    """
    space, pool = study.space, truth.pool
    of_runs = {arch for run in runs for arch in run.landmark_archs(space)}
    used = IsomorphismIndex(space, [*truth.landmarks.archs, *sorted(of_runs)])
    keep = [i for i, arch in enumerate(pool.archs) if not used.isomorphic_to(arch)]
    if len(keep) < 2:
        raise LmregError(
            f"only {len(keep)} architectures of the pool are no landmarks; enlarge landmarks.pool"
        )
    return pool.subset(keep)


def ranking_table(run: ScoredRun, pool: LandmarkSet) -> pd.DataFrame:
    """Truth and super-net scores of the pool.

    The columns are ``arch``, ``truth_<its column>`` and one per score of the task.
    """
    about = {"arch": [run.study.space.format(a) for a in pool.archs], f"truth_{pool.column}": pool.scores}
    return pd.concat([pd.DataFrame(about), run.scores(pool.archs)], axis=1)


def rankings(run: ScoredRun, label: str, pool: LandmarkSet) -> list[Ranking]:
    """The pool as a run's super-net orders it, one for each score of the task."""
    table = run.scores(pool.archs)
    return [
        Ranking(score.sign * table[score.column].to_numpy(), run, label, name)
        for name, score in run.study.task.scores.items()
    ]


def one_super_net(ranked: list[Ranking]) -> list[list[str]]:
    """The names of runs whose super-nets give every architecture of the pool the same scores, to the last
    digit: they are one super-net, whatever the options of its runs. Scores that are all alike don't count.
    """
    scores: dict[str, list[np.ndarray]] = {}
    for ranking in ranked:
        if ranking.run is not None:
            scores.setdefault(ranking.run.run.name, []).append(ranking.values)
    same: dict[bytes, list[str]] = {}
    for name, values in scores.items():
        table = np.stack(values)
        if np.ptp(table, axis=1).any():
            same.setdefault(table.tobytes(), []).append(name)
    return [names for names in same.values() if len(names) > 1]
