"""Finished searches: where they lie, what they were given, how to name them."""

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
from lmreg.util.files import read_json, require_folder

RESULT_KEYS = frozenset({"algo", "reg", "seed", "landmarks", "chosen_by", "config_hash", "data_hash"})
"""What every ``result.json`` has, whichever lmreg wrote it."""

BUDGET_IN_STEPS = (
    "of an earlier lmreg whose budgets counted steps, each of which trains several paths here: at equal "
    "epochs it had so many times the work of one path a step; it is compared with runs of its own kind only"
)
"""What to say of runs that are `FinishedRun.counts_steps`."""


@dataclass(frozen=True)
class FinishedRun:
    """A search whose result is there."""

    folder: Path
    cfg: DictConfig
    result: dict[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def study_folder(self) -> Path:
        """``<root>/<study>``, by where the run lies now."""
        return self.folder.parent.parent

    @functools.cached_property
    def scoring(self) -> ScoringConfig:
        """How it scores sub-nets; runs of an older lmreg lack the younger keys and have their defaults."""
        return typed(self.cfg.scoring, ScoringConfig, "scoring")

    @functools.cached_property
    def counts_steps(self) -> bool:
        """Whether its budget counts steps although these have several paths, as an earlier lmreg's did."""
        if "paths" in self.result:
            return False
        try:
            algo, options = resolve(self.cfg.algo, Algorithm, "algo")
            space, its_options = resolve(self.cfg.space, Space, "space")
        except LmregError:  # of a package that may not be loaded here; there was no way to say so then
            return False
        return algo(options).paths_per_step(space(its_options)) > 1  # type: ignore[call-arg]

    @classmethod
    def load(cls, folder: Path, data_path: str | None = None) -> FinishedRun:
        """The run in ``folder``.

        Args:
            data_path: where the data lies now, if not where it was.

        Raises:
            LmregError: there is none, or it is not finished.
        """
        require_folder(folder, "a run is <root>/<study>/search/<run>, 'lmreg runs' lists them")
        described = folder / "config.yaml"
        if not described.exists():
            raise LmregError(f"{folder} is not the folder of a search: it has no config.yaml")
        config = read_config(described, frozenset())
        if is_of_retraining(config):
            raise LmregError(f"{folder} is the folder of a retraining, not of a search")
        if not (folder / "result.json").exists():
            raise LmregError(f"{folder.name} is not finished; its search command goes on with it")
        require_config(config, described)
        result = read_json(folder / "result.json", RESULT_KEYS)
        result["algo"] = str(config.algo.name)  # under today's names, as its config is
        result["overrides"], _ = with_todays_names(result.get("overrides", []))
        run = cls(folder, config, result)
        if data_path is not None:
            run.cfg.data.path = data_path
        return run

    def label(self, shared: set[str], seed: bool = True) -> str:
        """A short name: algorithm, regulariser, overrides that not all runs share, and the seed."""
        own = [o for o in self.result.get("overrides", []) if o not in shared]
        parts = [self.result["algo"], self.result["reg"], *own]
        parts += ["(budget in steps)"] if self.counts_steps else []
        return " ".join([*parts, f"s{self.result['seed']}"] if seed else parts)

    def landmarks(self, space: Space, studys: LandmarkSet) -> LandmarkSet | None:
        """All landmarks it was trained with; None where it had none or their scores aren't known.

        Args:
            studys: those that the study has now. Most runs had just these; one of several rounds has
                added its own, and the study may have changed since.

        Raises:
            LmregError: ``result.json`` contradicts itself.
        """
        texts, scores = self.result["landmarks"], self.result.get("landmark_scores")
        if scores is None:  # of an earlier lmreg
            return studys if self.cfg.get("landmarks_hash") == studys.hash else None
        if len(texts) != len(scores):
            raise LmregError(
                f"{self.folder / 'result.json'} has {len(texts)} landmarks, {len(scores)} scores"
            )
        if not texts:
            return None
        archs, values = self.landmark_archs(space), np.array(scores, float)
        mine = LandmarkSet(archs, values, np.full(len(archs), np.nan), studys.column, studys.better_sign)
        return studys if mine.hash == studys.hash else mine

    def landmark_archs(self, space: Space) -> tuple[Arch, ...]:
        """The landmarks that it was trained with, as its result has them."""
        where = f"{self.folder / 'result.json'}, landmarks"
        return tuple(space.read(text, where) for text in self.result["landmarks"])

    def config_without(self, *keys: str) -> dict[str, Any]:
        """What determines the result, less ``keys``: equal for runs that differ in those only."""
        return {k: v for k, v in self._result_config.items() if k not in keys}

    @functools.cached_property
    def _result_config(self) -> dict[str, Any]:
        """What determines the result; made once, as comparisons ask for it again and again."""
        return result_config(self.cfg) | {"scoring": plain(asdict(self.scoring))}

    def ranking_config(self, norm: str | None, *without: str) -> dict[str, Any]:
        """What determines its super-net and how that ranks, less ``without``: equal for runs that must rank
        alike.

        Args:
            norm: the batch-norm policy of scoring, if not the run's own.
        """
        config = supernet_config(self.config_without(*without), self._uses_scores)
        protocol = replace(self.scoring, norm=norm or self.scoring.norm).protocol
        return config | {"data_hash": self.result["data_hash"], "protocol": protocol}

    @functools.cached_property
    def _uses_scores(self) -> bool:
        """Of its algorithm; taken to be so where the class is no longer there."""
        try:
            cls, _ = resolve(self.cfg.algo, Algorithm, "algo", list(self.cfg.get("allow_packages") or []))
        except (LmregError, AttributeError):
            return True
        return cls.uses_scores

    @property
    def identity(self) -> str:
        """Equal for runs of one configuration, seed and data, whatever their folders are called."""
        return config_hash(self.config_without() | {"data_hash": self.result["data_hash"]})


def distinct(runs: list[FinishedRun]) -> tuple[list[FinishedRun], dict[str, FinishedRun]]:
    """``runs`` without repetitions, and by the names of those left out, which run each is a repetition of.

    Earlier versions named folders by how options were written: ``seed=0,00`` trained one search twice.
    """
    kept: dict[str, FinishedRun] = {}
    for run in sorted(runs, key=lambda run: (len(run.name), run.name)):
        kept.setdefault(run.identity, run)
    again = {run.name: kept[run.identity] for run in runs if kept[run.identity] is not run}
    return [run for run in runs if run.name not in again], again


def finished_runs(study_folder: Path, data_path: str | None = None) -> list[FinishedRun]:
    """Every finished search of a study, by name; ``data_path`` as for `FinishedRun.load`.

    Raises:
        LmregError: there is none.
    """
    results = sorted(study_folder.glob("search/*/result.json"))
    if not results:
        there = sorted(p.name for p in study_folder.parent.glob("*/") if (p / "search").is_dir())
        known = f"; studies with searches in {study_folder.parent}: {', '.join(there)}" if there else ""
        raise LmregError(f"no finished search in {study_folder}; 'lmreg search' makes one{known}")
    return [FinishedRun.load(path.parent, data_path) for path in results]


def shared_overrides(runs: list[FinishedRun]) -> set[str]:
    """The overrides that all runs were given."""
    return set.intersection(*(set(run.result.get("overrides", [])) for run in runs))
