"""One search: a super-net's training, the search for its best candidates, and the result."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from omegaconf import OmegaConf

from lmreg.algo.base import Algorithm
from lmreg.config.identity import (
    SEARCH_KEYS,
    config_hash,
    differences,
    earlier_hashes,
    refuse_changes,
    result_config,
)
from lmreg.errors import LmregError
from lmreg.experiment.result import Result, summary_of
from lmreg.experiment.resumable import ResumableRun, RunTraining
from lmreg.experiment.study import Study
from lmreg.experiment.tensorboard import Events
from lmreg.landmarks.base import standalone_scorer
from lmreg.landmarks.rounds import Rounds, RoundsConfig
from lmreg.landmarks.truth import LandmarkSet, Truth
from lmreg.rank.proxy_scores import ProxiesConfig, ProxyScores
from lmreg.rank.scoring import ScoringConfig
from lmreg.rank.tracking import Tracker, TrackingConfig, tracked_pool
from lmreg.reg.base import Regulariser
from lmreg.strategy.base import Strategy
from lmreg.strategy.supernet import SupernetSearch
from lmreg.train import checkpoint
from lmreg.train.training import Training
from lmreg.util.files import write_json, write_table
from lmreg.util.progress import say


@dataclass(frozen=True)
class SearchParts:
    """What a search is made of besides the parts of its study."""

    algo: Algorithm
    reg: Regulariser
    strategy: Strategy
    scoring: ScoringConfig
    tracking: TrackingConfig
    rounds: RoundsConfig
    proxies: ProxiesConfig
    truth: Truth | None
    """The study's landmarks and pool, if the regulariser or a predictor needs them."""


class SearchTraining(RunTraining):
    """The training of a search's super-net, with the tracking of its ranking and its rounds of landmarks."""

    def __init__(
        self,
        training: Training,
        folder: Path,
        checkpoint_hash: str,
        landmarks: LandmarkSet | None,
        tracker: Tracker,
        rounds: Rounds | None,
        events: Events | None,
    ):
        """``landmarks`` are those of the first round; ``rounds`` are None where there is only one."""
        name, file = folder.name, folder / "checkpoint.pt"
        super().__init__(training, name, name, file, checkpoint_hash, self._write_tables)
        self.folder, self.rounds = folder, rounds
        self._landmarks, self._tracker, self._events = landmarks, tracker, events

    @property
    def landmarks(self) -> LandmarkSet | None:
        """The landmarks of the present round; once the training is over, all that were used."""
        return self.rounds.landmarks if self.rounds else self._landmarks

    @property
    def searches_left(self) -> int:
        """How many times the super-net is still to be searched."""
        return self.rounds.searches_left if self.rounds else 1

    def state_dict(self) -> dict[str, Any]:
        rounds = self.rounds.state_dict() if self.rounds else {"tables": [], "rows": []}
        return super().state_dict() | {"tracking": self._tracker.rows, "rounds": rounds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._tracker.rows = state.get("tracking", [])  # older runs have none
        if self.rounds and "rounds" in state:
            self.rounds.load_state_dict(state["rounds"])
        super().load_state_dict(state)

    def after_step(self, logged: bool) -> None:
        if logged and self._events is not None:
            self._events.add(self.training.rows[-1])
        self._tracker.look(self.training)

    def _write_tables(self) -> None:
        ctx, metrics = self.training.ctx, pd.DataFrame(self.training.rows)
        if len(metrics):
            metrics.insert(1, "paths", metrics["step"] * ctx.paths_per_step)
        write_table(self.folder / "metrics.csv", metrics)
        if self._tracker.rows:
            write_table(self.folder / "tracking.csv", pd.DataFrame(self._tracker.rows))
        # For readers that don't want to open a checkpoint, such as `lmreg runs`.
        write_json(self.folder / "progress.json", {"step": ctx.step, "total_steps": ctx.total_steps})


class SearchRun(ResumableRun):
    """A search in its folder."""

    kind, remedy, config_keys = "a search", "study=<new name>", SEARCH_KEYS
    changes_in_words: ClassVar = {
        "landmarks_hash": "the study's landmarks or their scores have changed since",
        "paths_per_step": "its budget counted steps; now it counts paths, of which a step has several",
    }

    def __init__(self, study: Study, parts: SearchParts, folder: Path, overrides: list[str]):
        """``folder`` is from `lmreg.experiment.run_name.run_folder`; ``overrides``, for ``result.json``, are
        the options that differ from the defaults."""
        # What determines the result besides the options.
        self._derived: dict[str, Any] = {}
        if (paths := parts.algo.paths_per_step(study.space)) > 1:  # else steps and paths are the same
            self._derived["paths_per_step"] = paths
        if parts.truth is not None:
            self._derived["landmarks_hash"] = parts.truth.landmarks.hash
        super().__init__(folder, result_config(study.cfg) | self._derived, study.runtime)
        self._study, self._parts, self._overrides = study, parts, overrides
        self._hash, self._earlier_hashes = config_hash(self.config), set[str]()
        self._cost = functools.cache(study.cost)

    def finished(self) -> Result | None:
        """Return the result if this very search has been finished before. Raises LmregError if the folder
        holds a search with another configuration or on other data."""
        there = self.config_there()
        if there is None:
            return None
        self._earlier_hashes = earlier_hashes(there)
        if not (self.folder / "result.json").exists():
            return None
        result = Result.load(self.folder)
        moved = there.data.get("path") != self._study.cfg.data.get("path")
        if moved and self._study.data.hash != result.summary["data_hash"]:
            refuse_changes(self.folder, "a search on other data", [str(there.data.path)])
        say(f"{self.folder.name}: finished already")
        return result

    def execute(
        self,
        log_every: int,
        checkpoint_seconds: float,
        announce: Callable[[SearchTraining], None] = lambda work: None,
        events: Events | None = None,
    ) -> Result:
        """Train the super-net, search it, and write the result last. ``announce`` is called once with the
        training, new or resumed, before it goes on; ``events`` also receives the rows of ``metrics.csv``."""
        study, parts = self._study, self._parts
        limits = parts.strategy.config
        if limits.given:  # fail now rather than after the training
            limits.example(study.space, self._cost)
        with self.held():
            start = time.monotonic()
            predicts = parts.scoring.predicts
            proxies = ProxyScores(study, parts.proxies, study.data.hash) if predicts else None
            search = SupernetSearch(
                study.task,
                study.data,
                parts.algo,
                parts.strategy,
                parts.scoring,
                self._cost,
                proxies,
                independent=not parts.reg.needs_landmarks,
            )
            work = self._training(search, events)
            config: Any = OmegaConf.to_container(study.cfg, resolve=True)
            self.write_config(config | self._derived)
            announce(work)
            if proxies is not None and parts.truth is not None:  # fail now rather than after the training
                proxies.table(parts.truth.landmarks.archs)
            with events or contextlib.nullcontext():
                if events is not None and work.training.ctx.progress < 1:
                    events.begin(self.folder, work.training.rows)
                self.train(work, log_every, checkpoint_seconds)
            # Once more: a kill between checkpoint and tables must not lose the last rows.
            work.write_rows()
            if work.rounds:
                work.rounds.write()
            trained = time.monotonic()
            candidates, predictor = search.candidates(work.training.ctx, work.name, work.landmarks)
            write_table(self.folder / "candidates.csv", candidates)
            seconds = {
                "train_seconds_this_session": round(trained - start, 1),
                "search_seconds": round(time.monotonic() - trained, 1),
            }
            if parts.algo.trains:
                weights = work.training.ctx.net.state_dict()
                checkpoint.save(self.folder / "supernet.pt", weights, work.checkpoint_hash)
            about = {"run": work.name, "overrides": self._overrides, "config_hash": self._hash, **seconds}
            summary = summary_of(study, work.training, candidates, parts.scoring, work.landmarks)
            by = predictor.summary() if predictor is not None else {}
            write_json(self.folder / "result.json", about | summary | by)
        return Result.load(self.folder)

    def _training(self, search: SupernetSearch, events: Events | None) -> SearchTraining:
        """Return the training as far as it has come."""
        study, parts, truth = self._study, self._parts, self._parts.truth
        if truth is not None and not truth.fits(study.data.hash):
            then = truth.manifest.get("protocol", {}).get("data", {})
            changed = differences(then, self.config["data"], "data.") if then else []
            raise LmregError(
                f"the landmarks in {study.folder}/landmarks were trained on other data or other splits "
                f"({'; '.join(changed) or 'the images have changed since'}); give the options that they had, "
                "or pass study=<new name> here and to 'lmreg train-landmarks'"
            )
        training = study.training(parts.algo, parts.reg, parts.scoring.scorer(study.data, study.task))
        rounds = None
        if truth is not None and parts.rounds.rounds > 1:
            rounds = Rounds(
                parts.rounds,
                training,
                truth,
                tracked_pool(parts.tracking, truth, study),
                functools.partial(standalone_scorer, study, truth, study.folder / "landmarks"),
                lambda ctx, title, members: search.candidates(ctx, title, members).table,
                search.ranking,
                parts.scoring.by,
                self.folder,
            )
        landmarks = truth.landmarks if truth else None
        tracker = Tracker(parts.tracking, parts.scoring, study, truth)
        saved_as = f"{self._hash}-{study.data.hash}"
        work = SearchTraining(training, self.folder, saved_as, landmarks, tracker, rounds, events)
        work.earlier_hashes = {f"{earlier}-{study.data.hash}" for earlier in self._earlier_hashes}
        self.resume(work)
        if rounds is not None:
            rounds.check()
        return work
