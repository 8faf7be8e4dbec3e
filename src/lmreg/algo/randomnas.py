"""RandomNAS: random search with weight sharing, every network of the space equally likely.

Source: Li & Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from lmreg.algo.base import Algorithm
from lmreg.context import Context
from lmreg.data.images import Batch
from lmreg.space.base import Arch
from lmreg.space.draw import draw_up_to


@dataclass
class Config:
    name: str = "randomnas"


class RandomNAS(Algorithm):
    """As SPOS, but paths come from the space's own sampler of networks instead of their encodings."""

    def __init__(self, config: Config | None = None):
        self.config = config or Config()

    def weight_losses(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        yield ctx.loss(ctx.space.sample_network(ctx.streams.arch), batch)

    def propose(self, ctx: Context, count: int) -> list[Arch]:
        return draw_up_to(ctx.space, lambda: ctx.space.sample_network(ctx.streams.arch), count)
