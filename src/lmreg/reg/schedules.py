"""Schedules of the regulariser's weight λ: pure functions of the progress of training.

To add one, write a function and add it to `SCHEDULES`; ``reg.schedule=<name>`` then selects it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[float, float], float]
"""Maps ``progress`` in [warmup, 1] and ``warmup`` in [0, 1) to the factor of λ."""

_STEPS = 4


def constant(progress: float, warmup: float) -> float:
    return 1.0


def cosine_increase(progress: float, warmup: float) -> float:
    """From 0 to 1 along half a cosine, over the part after the warm-up."""
    return 0.5 * (1 - math.cos(math.pi * _after(progress, warmup)))


def cosine_increase_released(progress: float, warmup: float) -> float:
    """The paper's released code: half a cosine as long as the whole training, so that it ends below 1."""
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


def weight_factor(schedule: str, progress: float, warmup: float) -> float:
    """Return the factor of λ at ``progress`` in [0, 1]: 0 during the warm-up, then the schedule's value."""
    return 0.0 if progress < warmup or warmup >= 1 else SCHEDULES[schedule](progress, warmup)


def _after(progress: float, warmup: float) -> float:
    """Return the progress in [0, 1] within the part after the warm-up."""
    return (progress - warmup) / (1 - warmup)
