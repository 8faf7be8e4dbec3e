"""A training that can be stopped at any moment: saved now and then, and when it is asked to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from lmreg.errors import Interrupted
from lmreg.train.signals import StopRequest
from lmreg.train.training import Training


def saved_steps(
    name: str,
    training: Training,
    log_every: int,
    checkpoint_seconds: float,
    save: Callable[[], None],
    stop: StopRequest,
    ends_at: Callable[[int], bool] = lambda step: False,
) -> Iterator[bool]:
    """The remaining steps; yields after each whether a row was logged, and saves once that is dealt with.

    Args:
        name: of the run, for messages.
        save: writes the state; called every so many seconds, after the last step, and before an end.
        ends_at: whether to end after that step, although it isn't the last.

    Raises:
        Interrupted: ``stop`` was requested.
    """
    ctx, saved = training.ctx, time.monotonic()
    for logged in training.steps(log_every):
        yield logged
        due = time.monotonic() - saved >= checkpoint_seconds
        last = ctx.step == ctx.total_steps or ends_at(ctx.step)
        if due or last or stop.signal_number is not None:
            save()
            saved = time.monotonic()
        if stop.signal_number is not None:
            done = f"{name}: stopped at step {ctx.step} of {ctx.total_steps}"
            raise Interrupted(f"{done}; run the same command again to go on", stop.signal_number)
        if last:
            return


def figures(row: dict[str, float]) -> str:
    """A row of metrics.csv for people."""
    parts = [f"loss {value:.3f}" for column, value in row.items() if column.startswith("train_")]
    if row.get("reg_weight", 0) > 0:
        parts.append(f"violated {100 * row['violated_share']:.0f} %, λ {row['reg_weight']:.2f}")
    return ", ".join(parts)
