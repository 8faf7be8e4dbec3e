"""Landmarks that are spread evenly over network sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.selector.base import Candidates, Selector
from lmreg.space.base import Arch
from lmreg.space.distinct import draw_distinct_up_to


@dataclass
class Config:
    name: str = "stratified"
    strata: int = option(
        10, min=1, help="groups of equal size by number of parameters, which get equally many landmarks"
    )
    candidates: int = option(300, min=2, help="random architectures that are sorted into the strata")


class StratifiedSelector(Selector):
    """Sorts random architectures by parameters into equal strata and chooses equally many from each.

    The numbers of landmarks of two strata differ by at most one. With a larger count, the landmarks of a
    smaller count stay, unless there were fewer landmarks than strata.
    """

    def __init__(self, config: Config):
        self.config = config

    def select(self, candidates: Candidates, count: int, rng: np.random.Generator) -> list[Arch]:
        wanted = self.config.candidates
        if wanted < count:
            raise LmregError(
                f"selector.candidates={wanted}: must be at least landmarks.count, which is {count}"
            )
        drawn = draw_distinct_up_to(candidates.space, lambda: candidates.draw(rng), wanted, candidates.taken)
        if len(drawn) < count:
            raise LmregError(
                f"selector=stratified found only {len(drawn)} architectures of different functions; "
                f"lower landmarks.count (now {count})"
            )
        params = np.array([candidates.params(arch) for arch in drawn])
        # Networks of equal size stay in the order of draws, so that chance decides on which side of a border
        # between strata they are.
        cut = np.array_split(np.argsort(params, kind="stable"), min(self.config.strata, count))
        # Within a stratum the order is random: in the order of draws, a stratum that has the last networks of
        # one size and the first of the next would give the next size first.
        place = rng.permutation(len(drawn))
        strata = [sorted(members.tolist(), key=lambda index: place[index]) for members in cut]
        chosen: list[Arch] = []
        while len(chosen) < count:
            # In another order each time, so that the remainder of a count that isn't divisible favours no
            # size.
            for index in rng.permutation(len(strata)):
                if strata[index]:
                    chosen.append(drawn[strata[index].pop(0)])
        return chosen[:count]
