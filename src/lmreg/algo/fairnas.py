"""FairNAS: each step trains every option of every decision exactly once ("strict fairness").

Source: Chu, Zhang, Xu, "FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural Architecture
Search", ICCV 2021, algorithm 1.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from lmreg.algo.base import Algorithm
from lmreg.data.images import Batch
from lmreg.errors import LmregError
from lmreg.space.base import Arch, Space
from lmreg.train.context import Context

_SHUFFLES = 1000


@dataclass
class Config:
    name: str = "fairnas"


class FairNAS(Algorithm):
    """Trains K paths per step on one batch and adds up their gradients; K is the number of options."""

    def __init__(self, config: Config | None = None):
        self.config = config or Config()

    def check(self, space: Space) -> None:
        fair_paths(space, np.random.default_rng(0))

    def paths_per_step(self, space: Space) -> int:
        return max(len(options) for options in space.options)

    def weight_losses(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        for arch in fair_paths(ctx.space, ctx.streams.arch):
            yield ctx.loss(arch, batch)


def fair_paths(space: Space, rng: np.random.Generator) -> list[Arch]:
    """Return one path per option; path k takes the k-th of each decision's shuffled options.

    If not every combination of options is an architecture, options are shuffled again until all paths are
    architectures. Each option is still trained once. If there are no such paths, LmregError is raised.
    """
    counts = {len(options) for options in space.options}
    if len(counts) > 1:
        raise LmregError(
            f"algo=fairnas needs as many options at every decision; {space.name} has "
            f"{' and '.join(map(str, sorted(counts)))}; use algo=spos"
        )
    for _ in range(_SHUFFLES):
        shuffled = [rng.permutation(len(options)) for options in space.options]
        with contextlib.suppress(LmregError):
            return [space.arch(choices) for choices in zip(*shuffled, strict=True)]
    raise LmregError(
        "algo=fairnas needs options that go with nearly any options of the other decisions; those of "
        f"{space.name} don't; use algo=spos"
    )
