"""SPOS over unique architectures: isomorphic encodings share the probability of one architecture.

lmreg formerly called this randomnas. It isn't Li & Talwalkar's RandomNAS ("Random Search and Reproducibility
for Neural Architecture Search", UAI 2019), which draws encodings uniformly, as SPOS does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from lmreg.algo.base import Algorithm
from lmreg.data.images import Batch
from lmreg.space.base import Arch
from lmreg.space.distinct import draw_distinct_up_to
from lmreg.train.context import Context


@dataclass
class Config:
    name: str = "spos_unique"


class SPOSUnique(Algorithm):
    """SPOS with paths that are uniform over unique architectures instead of over encodings."""

    def __init__(self, config: Config | None = None):
        self.config = config or Config()

    def weight_losses(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        yield ctx.loss(ctx.space.sample_network(ctx.streams.arch), batch)

    def propose(self, ctx: Context, count: int) -> list[Arch]:
        return draw_distinct_up_to(ctx.space, lambda: ctx.space.sample_network(ctx.streams.arch), count)
