"""Landmarks that are spread evenly over network sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmreg.config.schema import option
from lmreg.selector.base import Candidates, Selector
from lmreg.space.base import Arch


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
        drawn = candidates.drawn(self.config.candidates, count, rng)
        params = np.array([candidates.params(arch) for arch in drawn])
        # Networks of equal size stay in the order of draws, so that chance decides which stratum they are in.
        cut = np.array_split(np.argsort(params, kind="stable"), min(self.config.strata, count))
        # Within a stratum the order is random; the order of draws would favour the last networks of a size.
        place = rng.permutation(len(drawn))
        strata = [sorted(members.tolist(), key=lambda index: place[index]) for members in cut]
        chosen: list[Arch] = []
        while len(chosen) < count:
            # In another order each time, so that the remainder of an indivisible count favours no size.
            for index in rng.permutation(len(strata)):
                if strata[index]:
                    chosen.append(drawn[strata[index].pop(0)])
        return chosen[:count]
