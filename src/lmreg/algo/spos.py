"""SPOS: each step trains one path, drawn uniformly.

Source: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from lmreg.algo.base import Algorithm
from lmreg.data.images import Batch
from lmreg.train.context import Context


@dataclass
class Config:
    name: str = "spos"


class SPOS(Algorithm):
    """Single-path one-shot training with uniform sampling."""

    def __init__(self, config: Config | None = None):
        self.config = config or Config()

    def weight_losses(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        yield ctx.loss(ctx.space.sample(ctx.streams.arch), batch)
