"""A run that can be stopped at any moment, and that the same command resumes to exactly the same numbers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from omegaconf import DictConfig, OmegaConf

from lmreg.config.identity import differences, read_config, refuse_changes, result_config
from lmreg.config.values import settled
from lmreg.errors import Interrupted
from lmreg.experiment.runtime import Runtime
from lmreg.landmarks.rounds import Rounds
from lmreg.train import checkpoint
from lmreg.train.signals import StopRequest
from lmreg.train.training import Training
from lmreg.util.files import write_atomically
from lmreg.util.locks import locked
from lmreg.util.progress import Progress, say
from lmreg.util.threads import threads_restored

Row = dict[str, float]


@dataclass
class RunTraining:
    """One training of a run: what its checkpoint holds, and what happens after its steps.

    Attributes:
        name: in the message of an interruption.
        title: in progress and in the message of a resume.
        checkpoint_hash: changes with everything that determines the training's result.
        write_rows: writes the tables of the steps so far; called after each checkpoint.
        earlier_hashes: hashes under which earlier versions of lmreg saved the same training.
        rounds: those of a search that has several. The state is saved after the last step of a round, and
            again when the round has been ended; an interrupted `Rounds.end` is repeated.
    """

    training: Training
    name: str
    title: str
    checkpoint_file: Path
    checkpoint_hash: str
    write_rows: Callable[[], None]
    earlier_hashes: Set[str] = frozenset()
    rounds: Rounds | None = None

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to resume exactly."""
        return self.training.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.training.load_state_dict(state)

    def after_step(self, logged: bool) -> None:
        """Called after every step, with whether the training has logged a row."""


class ResumableRun:
    """A run in its folder, with a ``config.yaml`` that says what it is.

    Searches and retrainings are such runs: each supplies its trainings and what is done with them.
    """

    kind: ClassVar[str]
    """The kind of run in words, such as "a search"."""
    remedy: ClassVar[str]
    """The option that puts a run of another configuration elsewhere."""
    config_keys: ClassVar[Set[str]]
    """The keys that ``config.yaml`` must have."""
    changes_in_words: ClassVar[Mapping[str, str]]
    """By key of the config, what to say instead of the two values if it has changed."""

    def __init__(self, folder: Path, config: dict[str, Any], runtime: Runtime):
        """``config`` is what determines the result."""
        self.folder, self.config, self._runtime = folder, config, runtime

    def config_there(self) -> DictConfig | None:
        """Return the folder's ``config.yaml``, or None if there is none yet. Raises LmregError if it is that
        of a run with another configuration."""
        path = self.folder / "config.yaml"
        if not path.exists():
            return None
        there = read_config(path, self.config_keys)
        changed = [
            self.changes_in_words.get(line.partition(":")[0], line)
            for line in differences(result_config(settled(there)), self.config)
        ]
        refuse_changes(self.folder, f"{self.kind} with another configuration", changed, self.remedy)
        return there

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write ``config.yaml``."""
        text = OmegaConf.to_yaml(OmegaConf.create(dict(config)))
        write_atomically(self.folder / "config.yaml", lambda file: file.write(text.encode()))

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Lock the folder against other processes, and restore the number of threads at the end: a resumed
        run may take that of its checkpoint."""
        with locked(self.folder), threads_restored():
            yield

    def resume(self, work: RunTraining) -> None:
        """Load the training's checkpoint if there is one. Raises LmregError if it can't be read, or belongs
        to another configuration or kind of device."""
        if not work.checkpoint_file.exists():
            return
        training, keys = work.training, work.training.state_dict().keys() | self._runtime.state().keys()
        state = checkpoint.load(
            work.checkpoint_file, work.checkpoint_hash, self._runtime.device, keys, work.earlier_hashes
        )
        self._runtime.restore(state, self.folder)
        work.load_state_dict(state)
        say(f"{work.title}: resuming at step {training.ctx.step} of {training.ctx.total_steps}")

    def train(self, work: RunTraining, log_every: int, checkpoint_seconds: float) -> None:
        """Take the remaining steps, and end each round. Raises Interrupted if a signal came; the state is
        saved."""
        ctx = work.training.ctx
        with StopRequest() as stop:
            self._end_round(work, stop)  # if that was interrupted
            while ctx.step < ctx.total_steps:
                self._train_round(work, stop, log_every, checkpoint_seconds)
                self._end_round(work, stop)

    def _train_round(
        self, work: RunTraining, stop: StopRequest, log_every: int, checkpoint_seconds: float
    ) -> None:
        """Take steps to the end of the round or of the training, and save the state from time to time."""
        training, ctx, saved = work.training, work.training.ctx, time.monotonic()
        with Progress(work.title, ctx.total_steps, ctx.step) as progress:
            for logged in training.steps(log_every):
                progress.advance(row_in_words(training.rows[-1]) if logged else None)
                work.after_step(logged)
                last = ctx.step == ctx.total_steps or (work.rounds is not None and work.rounds.is_over())
                due = time.monotonic() - saved >= checkpoint_seconds
                if due or last or stop.signal_number is not None:
                    self._save(work)
                    saved = time.monotonic()
                    if stop.signal_number is not None:
                        done = f"{work.name}: stopped at step {ctx.step} of {ctx.total_steps}"
                        raise Interrupted(f"{done}; run the same command again to go on", stop.signal_number)
                if last:
                    return

    def _end_round(self, work: RunTraining, stop: StopRequest) -> None:
        """End the round if it is over; its last step is saved, so that this can be repeated. Where nothing is
        trained, the next is over at once."""
        rounds = work.rounds
        while rounds is not None and rounds.is_over():
            stopped = f"{work.name}: stopped at the end of {rounds.present}"
            with stop.at_once(f"{stopped}; run the same command again to go on"):
                rounds.end()
                self._save(work)
                rounds.write()

    def _save(self, work: RunTraining) -> None:
        state = work.state_dict() | self._runtime.state()
        checkpoint.save(work.checkpoint_file, state, work.checkpoint_hash)
        work.write_rows()


def row_in_words(row: Row) -> str:
    """Return the figures of a row of ``metrics.csv`` that progress shows."""
    parts = [f"loss {value:.3f}" for column, value in row.items() if column.startswith("train_")]
    if row.get("reg_weight", 0) > 0:
        parts.append(f"violated {100 * row['violated_share']:.0f} %, λ {row['reg_weight']:.2f}")
    return ", ".join(parts)
