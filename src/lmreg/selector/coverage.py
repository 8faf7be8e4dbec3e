"""Landmarks such that no architecture is far from all of them."""

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
    name: str = "coverage"
    candidates: int = option(
        1000, min=2, help="random architectures that the landmarks are chosen from, and that they cover"
    )


class CoverageSelector(Selector):
    """Random architectures, of which each next landmark is the one farthest from all before.

    Distances are Euclidean between the space's encodings. The largest distance from a candidate to its
    nearest landmark is at most twice the least that so many landmarks can reach. The first landmark is
    the first draw, and of those equally far the one drawn first is taken. Asking for more keeps those
    chosen before.

    Source: Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance", Theoretical Computer
    Science 38, 1985.
    """

    def __init__(self, config: Config):
        self.config = config

    def select(self, candidates: Candidates, count: int, rng: np.random.Generator) -> list[Arch]:
        space, wanted = candidates.space, self.config.candidates
        if wanted < count:
            raise LmregError(
                f"selector.candidates={wanted}: must be at least landmarks.count, which is {count}"
            )
        drawn = draw_up_to(space, lambda: candidates.draw(rng), wanted, candidates.taken)
        if len(drawn) < count:
            raise LmregError(
                f"selector=coverage found only {len(drawn)} architectures of different functions; "
                f"lower landmarks.count (now {count})"
            )
        codes, taken = (
            np.array([space.encode(arch) for arch in some], np.float64) for some in (drawn, candidates.taken)
        )
        gaps = np.full(len(drawn), np.inf)  # to the nearest landmark or one of those taken, squared
        for code in taken:
            gaps = np.minimum(gaps, ((codes - code) ** 2).sum(1))
        chosen: list[int] = []
        while len(chosen) < count:
            chosen.append(int(np.argmax(gaps)))
            gaps = np.minimum(gaps, ((codes - codes[chosen[-1]]) ** 2).sum(1))
            # Different architectures may have one encoding: none is to be chosen twice.
            gaps[chosen] = -1
        return [drawn[index] for index in chosen]
