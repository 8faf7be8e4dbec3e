"""How the regulariser's weight grows: pure functions of the progress of training."""

from __future__ import annotations

import math


def after_warmup(progress: float, warmup: float) -> float | None:
    """Progress in [0, 1] of the part after the warm-up, None during the warm-up."""
    if progress < warmup or warmup >= 1:
        return None
    return (progress - warmup) / (1 - warmup)


def constant(_progress: float) -> float:
    return 1.0


def cosine_increase(progress: float) -> float:
    """From 0 to 1 along half a cosine, over the part after the warm-up."""
    return 0.5 * (1 - math.cos(math.pi * progress))


SCHEDULES = {"constant": constant, "cosine_increase": cosine_increase}
