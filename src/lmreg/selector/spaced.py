"""Landmarks that keep a distance from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.selector.base import Candidates, Selector
from lmreg.space.base import Arch
from lmreg.space.draw import draw_up_to


@dataclass
class Config:
    name: str = "spaced"
    min_distance: int = option(4, min=1, help="least number of decisions in which any two landmarks differ")


class SpacedSelector(Selector):
    """Random draws, each kept if it is far enough from all kept before. Asking for more keeps those."""

    def __init__(self, config: Config):
        self.config = config

    def select(self, candidates: Candidates, count: int, rng: np.random.Generator) -> list[Arch]:
        space, least, taken = candidates.space, self.config.min_distance, candidates.taken
        decisions = len(space.options)
        if least > decisions:
            raise LmregError(
                f"selector.min_distance={least}: must be at most {decisions}, "
                f"the number of decisions of {space.name}"
            )

        def far(arch: Arch, found: Sequence[Arch]) -> bool:
            return all(space.distance(arch, other) >= least for other in (*taken, *found))

        found = draw_up_to(space, lambda: candidates.draw(rng), count, taken, far)
        if len(found) < count:
            raise LmregError(
                f"selector=spaced found only {len(found)} of {count} architectures with a distance of "
                f"{least} or more; lower selector.min_distance (now {least}) or landmarks.count (now {count})"
            )
        return found
