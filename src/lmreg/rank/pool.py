"""Ranking the held-out pool with a finished search's super-net."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from lmreg.config.build import typed
from lmreg.errors import LmregError
from lmreg.files import file_hash, read_json, read_table, write_json, write_table
from lmreg.progress import Progress
from lmreg.rank.score import ScoringConfig, score
from lmreg.space.base import Arch
from lmreg.study import Options, Study, plain, read_config, result_config
from lmreg.train import checkpoint
from lmreg.truth import LandmarkSet, Truth


@dataclass(frozen=True)
class FinishedRun:
    """A search whose result is there."""

    folder: Path
    cfg: DictConfig
    result: dict[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @classmethod
    def load(cls, folder: Path) -> FinishedRun:
        return cls(folder, read_config(folder / "config.yaml"), read_json(folder / "result.json"))

    def label(self, shared: set[str], seed: bool = True) -> str:
        """A short name: algorithm, regulariser, overrides that not all runs share, and the seed."""
        own = [o for o in self.result.get("overrides", []) if o not in shared]
        parts = [self.result["algo"], self.result["reg"], *own]
        return " ".join([*parts, f"s{self.result['seed']}"] if seed else parts)

    def config_without(self, *keys: str) -> dict[str, Any]:
        """What determines the result, less ``keys``: equal for runs that differ in those only."""
        config = result_config(self.cfg)
        return {k: v for k, v in config.items() if k not in keys}


def finished_runs(study_folder: Path, data_path: str | None = None) -> list[FinishedRun]:
    """Every finished search of a study, by name.

    Args:
        data_path: where the data lies now, if not where it was.

    Raises:
        LmregError: there is none.
    """
    runs = [FinishedRun.load(path.parent) for path in sorted(study_folder.glob("search/*/result.json"))]
    if not runs:
        there = sorted(p.name for p in study_folder.parent.glob("*/") if (p / "search").is_dir())
        known = f"; studies with searches in {study_folder.parent}: {', '.join(there)}" if there else ""
        raise LmregError(f"no finished search in {study_folder}; 'lmreg search' makes one{known}")
    for run in runs:
        if data_path is not None:
            run.cfg.data.path = data_path
    return runs


def shared_overrides(runs: list[FinishedRun]) -> set[str]:
    """The overrides that all runs were given."""
    return set.intersection(*(set(run.result.get("overrides", [])) for run in runs))


def held_out(truth: Truth, runs: list[FinishedRun], study: Study) -> LandmarkSet:
    """The pool without any landmark of the study or of a run, isomorphic ones included."""
    space, pool = study.space, truth.pool
    used = {space.canonical(arch) for arch in truth.landmarks.archs}
    used |= {space.canonical(space.parse(text)) for run in runs for text in run.result["landmarks"]}
    keep = [i for i, arch in enumerate(pool.archs) if space.canonical(arch) not in used]
    if len(keep) < 2:
        raise LmregError(
            f"only {len(keep)} architectures of the pool are no landmarks; enlarge landmarks.pool"
        )
    archs = tuple(pool.archs[i] for i in keep)
    return LandmarkSet(archs, pool.scores[keep], pool.errors[keep], pool.column, pool.better_sign)


def rank_pool(run: FinishedRun, pool: LandmarkSet, options: Options, folder: Path) -> pd.DataFrame:
    """Truth and super-net scores of the pool, kept in ``ranking-<run>.csv`` and scored only once.

    The columns are ``arch``, ``truth_<its column>`` and one per score of the task.
    """
    path, note = folder / f"ranking-{run.name}.csv", folder / ".cache" / f"{run.name}.json"
    weights = run.folder / "supernet.pt"
    made_from = {"supernet": file_hash(weights), "pool": pool.hash, "scoring": plain(run.cfg.scoring)}
    if path.exists() and note.exists() and read_json(note) == {**made_from, "table": file_hash(path)}:
        return read_table(path, {"arch"})
    study = Study(run.cfg, options)
    if study.data.hash != run.result["data_hash"]:
        raise LmregError(f"{run.name} was trained on other data than there is now at its place; search again")
    scoring = typed(run.cfg.scoring, ScoringConfig, "scoring").checked(study.task)
    batches = study.data.split("score").scoring_batches(scoring.batch_size, scoring.images)
    expected = f"{run.result['config_hash']}-{run.result['data_hash']}"
    net = study.supernet(0)
    net.load_state_dict(checkpoint.load(weights, expected, study.device))
    archs: list[Arch] = list(pool.archs)
    with Progress(f"ranking {run.name}", len(archs)) as progress:
        scores = score(net, study.task, archs, batches, lambda: progress.advance(""))
    about = {"arch": [study.space.format(a) for a in archs], f"truth_{pool.column}": pool.scores}
    table = pd.concat([pd.DataFrame(about), scores], axis=1)
    write_table(path, table)
    write_json(note, {**made_from, "table": file_hash(path)})
    return read_table(path, {"arch"})


def oriented(table: pd.DataFrame, pool: LandmarkSet, column: str, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """Truth and score ``column`` of a ranking table, both growing with quality."""
    truth = pool.better_sign * table[f"truth_{pool.column}"].to_numpy()
    return truth, sign * table[column].to_numpy()
