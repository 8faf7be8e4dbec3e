"""A training from its first step to its last: state, figures, exact resume."""

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
from lmreg.train.optimise import TrainerConfig, learning_rate, make_optimizer
from lmreg.train.step import train_step


class Training:
    """Everything that a training carries from one step to the next.

    ``rows`` are the figures logged so far; they belong to the state, so that after a resume the
    metrics are those of a run that was never interrupted.
    """

    def __init__(
        self, ctx: Context, algo: Algorithm, reg: Regulariser, train: BatchStream, config: TrainerConfig
    ):
        self.ctx, self.algo, self.reg = ctx, algo, reg
        self._train, self._config = train, config
        ctx.optimizer = make_optimizer(config, ctx.net)
        algo.begin(ctx)
        self._interval = None if algo.interval_epochs is None else self.steps_in(algo.interval_epochs)
        self._loss_sum = torch.zeros((), device=next(ctx.net.parameters()).device)
        self.rows: list[dict[str, float]] = []

    @property
    def paths(self) -> int:
        """Paths trained so far, each on one batch."""
        return self.ctx.step * self.ctx.paths_per_step

    @property
    def epoch(self) -> float:
        """The same as passes over the training split. A batch counts as often as it trains a path."""
        return self.paths / self._train.batches_per_epoch

    def steps_in(self, epochs: float) -> int:
        """Steps that make so many epochs, at least 1."""
        return max(1, round(epochs * self._train.batches_per_epoch / self.ctx.paths_per_step))

    def steps(self, log_every: int, intervals: bool = True) -> Iterator[bool]:
        """Take the remaining steps; yields after each whether it has logged a row.

        Args:
            intervals: without them the algorithm does nothing between two steps.

        Raises:
            LmregError: the loss is no longer finite.
        """
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
        """Take all remaining steps; only the last is logged."""
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

    def state_dict(self) -> dict[str, Any]:
        ctx = self.ctx
        return {
            "step": ctx.step,
            "net": ctx.net.state_dict(),
            "optimizer": ctx.optimizer.state_dict(),
            "algo": self.algo.state_dict(),
            "reg": self.reg.state_dict(),
            "streams": ctx.streams.state_dict(),
            "train_batches": self._train.state_dict(),
            "rank_batches": _state(ctx.rank_batches),
            "alpha_batches": _state(ctx.alpha_batches),
            "loss_sum": self._loss_sum,
            "rows": self.rows,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        ctx = self.ctx
        ctx.step = state["step"]
        ctx.net.load_state_dict(state["net"])
        ctx.optimizer.load_state_dict(state["optimizer"])
        self.algo.load_state_dict(state["algo"])
        self.reg.load_state_dict(state["reg"])
        ctx.streams.load_state_dict(state["streams"])
        self._train.load_state_dict(state["train_batches"])
        for name in ("rank_batches", "alpha_batches"):
            if (stream := getattr(ctx, name)) is not None:
                stream.load_state_dict(state[name])
        self._loss_sum.copy_(state["loss_sum"])
        self.rows = state["rows"]


def _state(stream: BatchStream | None) -> dict[str, Any] | None:
    return None if stream is None else stream.state_dict()
