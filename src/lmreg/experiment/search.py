"""One search: its folder, its training with exact resume, its result."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
from omegaconf import OmegaConf

from lmreg.algo.base import Algorithm
from lmreg.config.identity import (
    config_hash,
    differences,
    earlier_hashes,
    read_config,
    refuse_changes,
    result_config,
)
from lmreg.config.values import settled
from lmreg.errors import LmregError
from lmreg.experiment.result import Result, summary_of
from lmreg.experiment.run_name import run_folder, telling_overrides
from lmreg.experiment.study import Study, as_begun, go_on_as_begun, same_threads_after
from lmreg.experiment.tensorboard import Events
from lmreg.landmarks.rounds import Rounds, RoundsConfig
from lmreg.landmarks.truth import Truth
from lmreg.rank.scoring import ScoringConfig
from lmreg.rank.tracking import Tracker, TrackingConfig
from lmreg.reg.base import Regulariser
from lmreg.strategy.base import Strategy
from lmreg.strategy.supernet import search_supernet
from lmreg.train import checkpoint
from lmreg.train.checkpointed_steps import figures, saved_steps
from lmreg.train.context import Context
from lmreg.train.signals import StopRequest
from lmreg.train.training import Training
from lmreg.util.files import write_atomically, write_json, write_table
from lmreg.util.locks import locked
from lmreg.util.progress import Progress, say


class SearchRun:
    """A search in its folder; whatever was interrupted goes on where it stopped."""

    def __init__(
        self,
        study: Study,
        overrides: list[str],
        algo: Algorithm,
        reg: Regulariser,
        strategy: Strategy,
        scoring: ScoringConfig,
        tracking: TrackingConfig,
        truth: Truth | None,
        rounds: RoundsConfig | None = None,
    ):
        self._study = study
        self._overrides = telling_overrides("search", study.cfg, overrides)
        self._algo, self._reg, self._strategy, self._scoring = algo, reg, strategy, scoring
        self._tracking, self._truth = tracking, truth
        self._cost = functools.cache(study.cost)
        self.folder = run_folder(study.cfg, overrides, study.folder)
        self._name = self.folder.name
        self.rounds = Rounds(
            rounds or RoundsConfig(), study, truth, scoring, tracking, self._find, self.folder
        )
        # What determines the result besides the options that were given.
        self._besides: dict[Any, Any] = {}
        if (paths := algo.paths_per_step(study.space)) > 1:  # else a budget means what it always has
            self._besides["paths_per_step"] = paths
        if truth is not None:
            self._besides["landmarks_hash"] = truth.landmarks.hash
        self._config = result_config(study.cfg) | self._besides
        self._hash = config_hash(self._config)
        self._earlier_hashes: set[str] = set()

    def finished(self) -> Result | None:
        """The result, if this very search has been done before.

        Raises:
            LmregError: the folder holds a search with another configuration.
        """
        described = self.folder / "config.yaml"
        if not described.exists():
            return None
        before = read_config(described)
        told = {
            "landmarks_hash": "the study's landmarks or their scores have changed since",
            "paths_per_step": "its budget counted steps; now it counts paths, of which a step has several",
        }
        self._earlier_hashes = earlier_hashes(before)
        changed = [
            told.get(line.partition(":")[0], line)
            for line in differences(result_config(settled(before)), self._config)
        ]
        refuse_changes(self.folder, "a search with another configuration", changed)
        if not (self.folder / "result.json").exists():
            return None
        result = Result.load(self.folder)
        moved = before.data.get("path") != self._study.cfg.data.get("path")
        if moved and self._study.data.hash != result.summary["data_hash"]:
            refuse_changes(self.folder, "a search on other data", [str(before.data.path)])
        say(f"{self._name}: finished already")
        return result

    def execute(
        self,
        log_every: int,
        checkpoint_seconds: float,
        announce: Callable[[Training], None] = lambda training: None,
        events: Events | None = None,
    ) -> Result:
        """Train, search, and write the result last.

        Args:
            announce: called once with the training, fresh or resumed, before it goes on.
            events: also takes the rows of ``metrics.csv``.
        """
        limits = self._strategy.config
        if limits.given:  # better now than after the training
            limits.example(self._study.space, self._cost)
        study = self._study
        with locked(self.folder), same_threads_after():
            start = time.monotonic()
            training, tracker = self._training()
            config = OmegaConf.to_container(study.cfg, resolve=True)
            assert isinstance(config, dict)
            text = OmegaConf.to_yaml(OmegaConf.create(config | self._besides))
            write_atomically(self.folder / "config.yaml", lambda file: file.write(text.encode()))
            announce(training)
            with events or contextlib.nullcontext():
                self._train(training, tracker, log_every, checkpoint_seconds, events)
            # Once more: a kill between checkpoint and tables must not lose the last rows.
            self._write_rows(training, tracker)
            self.rounds.write()
            trained = time.monotonic()
            candidates = self._find(training.ctx, self._name)
            write_table(self.folder / "candidates.csv", candidates)
            seconds = {
                "train_seconds_this_session": round(trained - start, 1),
                "search_seconds": round(time.monotonic() - trained, 1),
            }
            checkpoint.save(self.folder / "supernet.pt", training.ctx.net.state_dict(), self._checkpoint_hash)
            about = {"run": self._name, "overrides": self._overrides, "config_hash": self._hash, **seconds}
            summary = about | summary_of(study, training, candidates, self._scoring, self.rounds.landmarks)
            write_json(self.folder / "result.json", summary)
        return Result.load(self.folder)

    def _training(self) -> tuple[Training, Tracker]:
        study, data = self._study, self._study.data
        if self._truth is not None and not self._truth.fits(data.hash):
            then = self._truth.manifest.get("protocol", {}).get("data", {})
            changed = differences(then, result_config(study.cfg)["data"], "data.") if then else []
            raise LmregError(
                f"the landmarks in {study.folder}/landmarks were trained on other data or other splits "
                f"({'; '.join(changed) or 'the images have changed since'}); give the options that they had, "
                "or pass study=<new name> here and to 'lmreg train-landmarks'"
            )
        training = study.training(self._algo, self._reg, self._scoring.scorer(study.data, study.task))
        tracker = Tracker(self._tracking, self._scoring, study, self._truth)
        saved = self.folder / "checkpoint.pt"
        if saved.exists():
            state = checkpoint.load(
                saved,
                self._checkpoint_hash,
                study.device,
                training.state_dict().keys() | as_begun(study).keys(),
                earlier={f"{earlier}-{data.hash}" for earlier in self._earlier_hashes},
            )
            go_on_as_begun(study, self.folder, state)
            tracker.rows = state.pop("tracking", [])  # older runs have none
            self.rounds.load_state_dict(state.pop("rounds", {"tables": [], "rows": []}))
            training.reg = self.rounds.regulariser(training.reg)
            training.load_state_dict(state)
            say(f"{self._name}: resuming at step {training.ctx.step} of {training.ctx.total_steps}")
        self.rounds.begin(training)
        return training, tracker

    def _save(self, training: Training, tracker: Tracker) -> None:
        state = training.state_dict() | {"tracking": tracker.rows, "rounds": self.rounds.state_dict()}
        state |= as_begun(self._study)
        checkpoint.save(self.folder / "checkpoint.pt", state, self._checkpoint_hash)
        self._write_rows(training, tracker)

    def _write_rows(self, training: Training, tracker: Tracker) -> None:
        metrics = pd.DataFrame(training.rows)
        if len(metrics):
            metrics.insert(1, "paths", metrics["step"] * training.ctx.paths_per_step)
        write_table(self.folder / "metrics.csv", metrics)
        if tracker.rows:
            write_table(self.folder / "tracking.csv", pd.DataFrame(tracker.rows))
        # For those who don't want to open a checkpoint, such as `lmreg runs`.
        ctx = training.ctx
        write_json(self.folder / "progress.json", {"step": ctx.step, "total_steps": ctx.total_steps})

    @property
    def _checkpoint_hash(self) -> str:
        return f"{self._hash}-{self._study.data.hash}"

    def _train(
        self,
        training: Training,
        tracker: Tracker,
        log_every: int,
        checkpoint_seconds: float,
        events: Events | None,
    ) -> None:
        """Train to the end, round by round; without further rounds that is one."""
        ctx = training.ctx
        if events is not None and ctx.step < ctx.total_steps:
            events.begin(self.folder, training.rows)
        with StopRequest() as stop:
            self._end_round(training, tracker, stop)  # one that was interrupted
            while ctx.step < ctx.total_steps:
                self._train_round(training, tracker, stop, log_every, checkpoint_seconds, events)
                self._end_round(training, tracker, stop)

    def _train_round(
        self,
        training: Training,
        tracker: Tracker,
        stop: StopRequest,
        log_every: int,
        checkpoint_seconds: float,
        events: Events | None,
    ) -> None:
        """Train to the end of the round, whose state is saved then."""
        ctx = training.ctx

        def save() -> None:
            self._save(training, tracker)

        steps = saved_steps(self._name, training, log_every, checkpoint_seconds, save, stop, self.rounds.due)
        with Progress(self._name, ctx.total_steps, ctx.step) as progress:
            for logged in steps:
                progress.advance(figures(training.rows[-1]) if logged else None)
                if logged and events is not None:
                    events.add(training.rows[-1])
                tracker.look(training)

    def _end_round(self, training: Training, tracker: Tracker, stop: StopRequest) -> None:
        """End the round if it is due; its last step is saved already, so this can be done again."""
        if not self.rounds.due(training.ctx.step):
            return
        doing = f"{self._name}: stopped at the end of {self.rounds.now}; run the same command again to go on"
        with stop.at_once(doing):
            self.rounds.end(training)
            self._save(training, tracker)
            self.rounds.write()

    def _find(self, ctx: Context, title: str) -> pd.DataFrame:
        """Candidates with their scores, best first."""
        study, scoring = self._study, self._scoring
        return search_supernet(study, ctx, self._algo, self._strategy, scoring, self._cost, title)
