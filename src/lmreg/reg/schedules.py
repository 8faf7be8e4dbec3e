"""How the regulariser's weight grows: pure functions of the progress of training.

To add one, write a function and name it in `SCHEDULES`; ``reg.schedule=<name>`` then takes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[float, float], float]
"""The share of λ at ``progress`` in [warmup, 1] of a training with that ``warmup`` in [0, 1)."""

_STEPS = 4


def constant(progress: float, warmup: float) -> float:
    return 1.0


def cosine_increase(progress: float, warmup: float) -> float:
    """From 0 to 1 along half a cosine, over the part after the warm-up."""
    return 0.5 * (1 - math.cos(math.pi * _after(progress, warmup)))


def cosine_increase_released(progress: float, warmup: float) -> float:
    """As the paper's released code has it: the cosine's length is the whole training, not the part after
    the warm-up, so it stops short of 1 (at 0.5 for a warm-up of one half)."""
    return 0.5 * (1 - math.cos(math.pi * (progress - warmup)))


def cosine_decrease(progress: float, warmup: float) -> float:
    """From 1 to 0 along half a cosine, over the part after the warm-up."""
    return 1 - cosine_increase(progress, warmup)


def step_increase(progress: float, warmup: float) -> float:
    """1/4, 2/4, 3/4, 1 in the four quarters of the part after the warm-up."""
    return min(math.floor(_STEPS * _after(progress, warmup)) + 1, _STEPS) / _STEPS


def step_decrease(progress: float, warmup: float) -> float:
    """1, 3/4, 2/4, 1/4 in the four quarters of the part after the warm-up."""
    return 1 + 1 / _STEPS - step_increase(progress, warmup)


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "cosine_increase": cosine_increase,
    "cosine_increase_released": cosine_increase_released,
    "cosine_decrease": cosine_decrease,
    "step_increase": step_increase,
    "step_decrease": step_decrease,
}


def share(schedule: str, progress: float, warmup: float) -> float:
    """The share of λ at ``progress`` in [0, 1]: 0 before the warm-up is over, then the schedule's."""
    return 0.0 if progress < warmup or warmup >= 1 else SCHEDULES[schedule](progress, warmup)


def _after(progress: float, warmup: float) -> float:
    """Progress in [0, 1] of the part after the warm-up."""
    return (progress - warmup) / (1 - warmup)
