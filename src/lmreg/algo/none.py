"""No super-net: candidates are ordered by a predictor alone, the baseline that a super-net must beat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from lmreg.algo.base import Algorithm
from lmreg.data.images import Batch
from lmreg.train.context import Context


@dataclass
class Config:
    name: str = "none"


class NoSuperNet(Algorithm):
    """Trains nothing. Strategies start from uniform draws."""

    trains = False

    def __init__(self, config: Config | None = None):
        self.config = config or Config()

    def weight_losses(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        yield from ()
