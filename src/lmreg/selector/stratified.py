"""Landmarks spread evenly over network sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.selector.base import Candidates, Selector
from lmreg.space.base import Arch
from lmreg.space.draw import draw_up_to


@dataclass
class Config:
    name: str = "stratified"
    strata: int = option(
        10, min=1, help="groups of equal size by number of parameters, which get equally many landmarks"
    )
    candidates: int = option(300, min=2, help="random architectures that are sorted into the strata")


class StratifiedSelector(Selector):
    """Random architectures sorted by parameters, cut into strata of equal size, and from each as
    many landmarks as from any other (give or take one).

    Asking for more keeps those chosen before, unless there were fewer landmarks than strata.
    """

    def __init__(self, config: Config):
        self.config = config

    def select(self, candidates: Candidates, count: int, rng: np.random.Generator) -> list[Arch]:
        wanted = self.config.candidates
        if wanted < count:
            raise LmregError(
                f"selector.candidates={wanted}: must be at least landmarks.count, which is {count}"
            )
        drawn = draw_up_to(candidates.space, lambda: candidates.draw(rng), wanted, candidates.taken)
        if len(drawn) < count:
            raise LmregError(
                f"selector=stratified found only {len(drawn)} architectures of different functions; "
                f"lower landmarks.count (now {count})"
            )
        params = np.array([candidates.params(arch) for arch in drawn])
        # Networks of one size stay in the order in which they were drawn: chance decides on which
        # side of a border they come.
        cut = np.array_split(np.argsort(params, kind="stable"), min(self.config.strata, count))
        # Within a stratum the order is one of its own: by the order of draws, a stratum that holds the
        # end of one size and the beginning of the next would always give the next one first.
        place = rng.permutation(len(drawn))
        strata = [sorted(members.tolist(), key=lambda index: place[index]) for members in cut]
        chosen: list[Arch] = []
        while len(chosen) < count:
            # In another order each time, so that what remains of a count that doesn't divide
            # evenly favours no size.
            for index in rng.permutation(len(strata)):
                if strata[index]:
                    chosen.append(drawn[strata[index].pop(0)])
        return chosen[:count]
