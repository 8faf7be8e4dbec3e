"""Random search: score what the algorithm proposes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lmreg.algo.base import Algorithm
from lmreg.config.schema import option
from lmreg.context import Context
from lmreg.space.base import Arch
from lmreg.strategy.base import ScoreArchs, Strategy


@dataclass
class Config:
    name: str = "random"
    count: int = option(100, min=1, help="architectures to score")


class RandomSearch(Strategy):
    """The algorithm's own proposals, scored once each."""

    def __init__(self, config: Config):
        self.config = config

    def search(self, ctx: Context, algo: Algorithm, score: ScoreArchs) -> tuple[list[Arch], pd.DataFrame]:
        archs: Sequence[Arch] = algo.propose(ctx, self.config.count)
        return list(archs), score(archs)

    def budget(self) -> int:
        return self.config.count
