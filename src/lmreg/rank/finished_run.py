"""Finished searches: their folders, configs, landmarks and labels."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from lmreg.algo.base import Algorithm
from lmreg.config.build import resolve, typed
from lmreg.config.identity import (
    config_hash,
    is_of_retraining,
    plain,
    read_config,
    require_config,
    result_config,
    supernet_config,
)
from lmreg.config.renamed import with_todays_names
from lmreg.errors import LmregError
from lmreg.landmarks.truth import LandmarkSet
from lmreg.rank.scoring import ScoringConfig
from lmreg.space.base import Arch, Space
from lmreg.task.base import Task
from lmreg.util.files import read_json, require_folder

RESULT_KEYS = frozenset({"algo", "reg", "seed", "landmarks", "chosen_by", "config_hash", "data_hash"})
"""Keys of every ``result.json``, whichever version of lmreg wrote it."""

NO_REGULARISER = "none"

BUDGET_IN_STEPS = (
    "from an earlier lmreg, whose budget counted steps although a step here trains several paths: at equal "
    "epochs it trained that many times more paths; it is compared only with runs of the same kind"
)
"""The description of runs that are `FinishedRun.counts_steps`, to follow "is"."""


@dataclass(frozen=True)
class FinishedRun:
    """A search that has its ``result.json``."""

    folder: Path
    cfg: DictConfig
    result: dict[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def study_folder(self) -> Path:
        """``<root>/<study>``, according to where the run's folder is now."""
        return self.folder.parent.parent

    @functools.cached_property
    def scoring(self) -> ScoringConfig:
        """How the run scores sub-nets; keys that an older lmreg didn't write have their defaults."""
        return typed(self.cfg.scoring, ScoringConfig, "scoring")

    @property
    def has_super_net(self) -> bool:
        """Whether the search trained a super-net; algo=none doesn't."""
        return bool(self.result.get("steps", 1))

    def score(self, task: Task) -> str:
        """Return the name of the super-net's score that ordered the candidates, or of the task's loss where a
        predictor did."""
        chosen = self.result["chosen_by"]
        return next((name for name, s in task.scores.items() if s.column == chosen), next(iter(task.scores)))

    @functools.cached_property
    def counts_steps(self) -> bool:
        """Whether the budget counts steps although a step trains several paths, as in an earlier lmreg."""
        if "paths" in self.result:
            return False
        try:
            algo, options = resolve(self.cfg.algo, Algorithm, "algo")
            space, its_options = resolve(self.cfg.space, Space, "space")
        except LmregError:  # the class is in a package that may not be loaded; such runs are not that old
            return False
        return algo(options).paths_per_step(space(its_options)) > 1  # type: ignore[call-arg]

    @classmethod
    def load(cls, folder: Path, data_path: str | None = None) -> FinishedRun:
        """Load the run in ``folder``, with its data at ``data_path`` if that has moved. Raises LmregError if
        the folder holds no run, or an unfinished one."""
        require_folder(folder, "a run is <root>/<study>/search/<run>, 'lmreg runs' lists them")
        described = folder / "config.yaml"
        if not described.exists():
            raise LmregError(f"{folder} is not the folder of a search: it has no config.yaml")
        config = read_config(described, frozenset())
        if is_of_retraining(config):
            raise LmregError(f"{folder} is the folder of a retraining, not of a search")
        if not (folder / "result.json").exists():
            raise LmregError(f"{folder.name} is not finished; run its search command again to continue it")
        require_config(config, described)
        result = read_json(folder / "result.json", RESULT_KEYS)
        result["algo"] = str(config.algo.name)  # the present name, as in the config
        result["overrides"], _ = with_todays_names(result.get("overrides", []))
        run = cls(folder, config, result)
        if data_path is not None:
            run.cfg.data.path = data_path
        return run

    def label(self, shared: set[str], seed: bool = True) -> str:
        """Return a short name: algorithm, regulariser, overrides not in ``shared``, and perhaps the seed."""
        own = [o for o in self.result.get("overrides", []) if o not in shared]
        parts = [self.result["algo"], self.result["reg"], *own]
        parts += ["(budget in steps)"] if self.counts_steps else []
        return " ".join([*parts, f"s{self.result['seed']}"] if seed else parts)

    def landmarks(self, space: Space, study_landmarks: LandmarkSet) -> LandmarkSet | None:
        """Return all landmarks the run was trained with; None if it had none or their scores are unknown.
        These are ``study_landmarks``, the study's present ones, unless the run added some in rounds or the
        study has changed since. Raises LmregError if ``result.json`` is inconsistent."""
        texts, scores = self.result["landmarks"], self.result.get("landmark_scores")
        if scores is None:  # from an earlier lmreg
            return study_landmarks if self.cfg.get("landmarks_hash") == study_landmarks.hash else None
        if len(texts) != len(scores):
            raise LmregError(
                f"{self.folder / 'result.json'} has {len(texts)} landmarks but {len(scores)} scores"
            )
        if not texts:
            return None
        archs, values = self.landmark_archs(space), np.array(scores, float)
        errors = np.full(len(archs), np.nan)
        own = LandmarkSet(archs, values, errors, study_landmarks.column, study_landmarks.better_sign)
        return study_landmarks if own.hash == study_landmarks.hash else own

    def is_of(self, landmarks: LandmarkSet) -> bool:
        """Whether the run was trained with these landmarks of the study, or with none."""
        if self.result["reg"] == NO_REGULARISER:  # landmarks can only have ordered its candidates
            return True
        return self.cfg.get("landmarks_hash", landmarks.hash) == landmarks.hash

    def landmark_archs(self, space: Space) -> tuple[Arch, ...]:
        """Return the landmarks the run was trained with, according to ``result.json``."""
        where = f"{self.folder / 'result.json'}, landmarks"
        return tuple(space.read(text, where) for text in self.result["landmarks"])

    def config_without(self, *keys: str) -> dict[str, Any]:
        """Return the config that determines the result, without ``keys``, for comparing runs in the rest."""
        return {k: v for k, v in self._result_config.items() if k not in keys}

    @functools.cached_property
    def _result_config(self) -> dict[str, Any]:
        """The config that determines the result; cached because comparisons use it often."""
        return result_config(self.cfg) | {"scoring": plain(asdict(self.scoring))}

    def ranking_config(self, norm: str | None, *without: str) -> dict[str, Any]:
        """Return the config that determines how the super-net ranks, less ``without``, to find equal ones;
        ``norm`` is the batch-norm policy of scoring, None for the run's own."""
        unused = ("landmarks", "landmarks_hash") if self.result["reg"] == NO_REGULARISER else ()
        config = supernet_config(self.config_without(*without, *unused), self._uses_scores)
        protocol = replace(self.scoring, norm=norm or self.scoring.norm).protocol
        return config | {"data_hash": self.result["data_hash"], "protocol": protocol}

    @functools.cached_property
    def _uses_scores(self) -> bool:
        """Whether the algorithm uses scores in training; assumed if its class can't be found."""
        try:
            cls, _ = resolve(self.cfg.algo, Algorithm, "algo", list(self.cfg.get("allow_packages") or []))
        except (LmregError, AttributeError):
            return True
        return cls.uses_scores

    def repeated_by(self, name: str) -> str:
        """Say that the run of that name is a repetition of this one, see `distinct`."""
        return f"{name} repeats {self.name} (same configuration, seed and data) and is not counted again."

    @property
    def identity(self) -> str:
        """A hash that is equal for runs of the same config, seed and data, whatever their folders' names."""
        return config_hash(self.config_without() | {"data_hash": self.result["data_hash"]})


def distinct(runs: list[FinishedRun]) -> tuple[list[FinishedRun], dict[str, FinishedRun]]:
    """Return ``runs`` without repetitions, and for each repetition, by name, the run that it repeats.

    Repetitions exist because earlier versions named folders by the spelling of options, so that ``seed=0,00``
    trained the same search twice.
    """
    first: dict[str, FinishedRun] = {}
    for run in sorted(runs, key=lambda run: (len(run.name), run.name)):
        first.setdefault(run.identity, run)
    again = {run.name: first[run.identity] for run in runs if first[run.identity] is not run}
    return [run for run in runs if run.name not in again], again


def finished_runs(study_folder: Path, data_path: str | None = None) -> list[FinishedRun]:
    """Return every finished search of a study, sorted by name; ``data_path`` as for `FinishedRun.load`.
    Raises LmregError if the study has none."""
    results = sorted(study_folder.glob("search/*/result.json"))
    if not results:
        there = sorted({p.parents[2].name for p in study_folder.parent.glob("*/search/*/result.json")})
        known = f"; studies with some in {study_folder.parent}: {', '.join(there)}" if there else ""
        raise LmregError(f"no finished search in {study_folder}; 'lmreg search' makes one{known}")
    return [FinishedRun.load(path.parent, data_path) for path in results]


def shared_overrides(runs: list[FinishedRun]) -> set[str]:
    """Return the overrides that all runs were given."""
    return set.intersection(*(set(run.result.get("overrides", [])) for run in runs))
