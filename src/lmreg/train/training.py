"""A training from its first step to its last: its steps, its figures, and its state for exact resume."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch

from lmreg.algo.base import Algorithm
from lmreg.data.images import BatchStream
from lmreg.errors import LmregError
from lmreg.reg.base import Regulariser
from lmreg.train.context import Context
from lmreg.train.optimise import TrainerConfig, learning_rate
from lmreg.train.step import train_step


class Training:
    """A training, with all of its state.

    ``rows`` are the figures logged so far. They belong to the state, so that a resumed run has the same
    metrics as one that was never interrupted.
    """

    def __init__(
        self, ctx: Context, algo: Algorithm, reg: Regulariser, train: BatchStream, config: TrainerConfig
    ):
        self.ctx, self.algo, self.reg = ctx, algo, reg
        self._train, self._config = train, config
        algo.begin(ctx)
        self._interval = None if algo.interval_epochs is None else self.steps_in(algo.interval_epochs)
        self._loss_sum = torch.zeros((), device=next(ctx.net.parameters()).device)
        self.rows: list[dict[str, float]] = []

    @property
    def paths(self) -> int:
        """How many paths have been trained so far, each on one batch."""
        return self.ctx.step * self.ctx.paths_per_step

    @property
    def epoch(self) -> float:
        """The same as passes over the training split; a batch counts once for each path that it trains."""
        return self.paths / self._train.batches_per_epoch

    def steps_in(self, epochs: float) -> int:
        """Return the number of steps in so many epochs, at least 1."""
        return max(1, round(epochs * self._train.batches_per_epoch / self.ctx.paths_per_step))

    def steps(self, log_every: int, intervals: bool = True) -> Iterator[bool]:
        """Take the remaining steps, with `Algorithm.on_interval` between them if ``intervals``; yield after
        each step whether it has logged a row. Raises LmregError if the loss is no longer finite."""
        ctx = self.ctx
        while ctx.step < ctx.total_steps:
            self._loss_sum += train_step(ctx, self.algo, self.reg, self._train, self._config)
            if intervals and self._interval is not None and ctx.step % self._interval == 0:
                self.algo.on_interval(ctx)
            log = ctx.step % log_every == 0 or ctx.step == ctx.total_steps
            if log:
                self._log()
            yield log

    def run(self) -> None:
        """Take all remaining steps; only the last one logs a row."""
        for _ in self.steps(log_every=self.ctx.total_steps):
            pass

    def _log(self) -> None:
        ctx = self.ctx
        since = self.rows[-1]["step"] if self.rows else 0
        loss = self._loss_sum.item() / (ctx.step - since)
        if not math.isfinite(loss):
            raise LmregError(
                f"the training diverged before step {ctx.step}: the loss is {loss}; lower trainer.lr "
                f"(now {self._config.lr}) or trainer.clip (now {self._config.clip})"
            )
        self._loss_sum.zero_()
        row = {
            "step": ctx.step,
            "epoch": self.epoch,
            "lr": learning_rate(self._config, ctx.progress),
            ctx.task.train_column: loss,
        }
        self.rows.append(row | self.algo.figures() | self.reg.figures())

    @property
    def _parts(self) -> dict[str, Any]:
        """What has a state of its own, by its key in the training's."""
        ctx = self.ctx
        parts = {"net": ctx.net, "optimizer": ctx.optimizer, "algo": self.algo, "reg": self.reg}
        batches = {"rank_batches": ctx.rank_batches, "alpha_batches": ctx.alpha_batches}
        return parts | {"streams": ctx.streams, "train_batches": self._train} | batches

    def state_dict(self) -> dict[str, Any]:
        parts = {name: part.state_dict() for name, part in self._parts.items()}
        return {"step": self.ctx.step, **parts, "loss_sum": self._loss_sum, "rows": self.rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.ctx.step, self.rows = state["step"], state["rows"]
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        self._loss_sum.copy_(state["loss_sum"])
