"""Landmarks drawn uniformly at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmreg.errors import LmregError
from lmreg.selector.base import Candidates, Selector
from lmreg.space.base import Arch
from lmreg.space.distinct import draw_distinct


@dataclass
class Config:
    name: str = "random"


class RandomSelector(Selector):
    """Chooses the first random draws; with a larger count, the landmarks of a smaller count stay."""

    def __init__(self, config: Config):
        self.config = config

    def select(self, candidates: Candidates, count: int, rng: np.random.Generator) -> list[Arch]:
        try:
            return draw_distinct(candidates.space, lambda: candidates.draw(rng), count, candidates.taken)
        except LmregError as error:
            raise LmregError(f"{error}; lower landmarks.count (now {count})") from None
