"""No regulariser, the baseline of every comparison."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from lmreg.data.images import Batch
from lmreg.landmarks.truth import LandmarkSet
from lmreg.reg.base import Regulariser
from lmreg.train.context import Context


@dataclass
class Config:
    name: str = "none"


class NoRegulariser(Regulariser):
    """Adds nothing."""

    def __init__(self, config: Config | None = None, landmarks: LandmarkSet | None = None):
        self.config = config or Config()

    def terms(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        yield from ()
