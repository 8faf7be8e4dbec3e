"""Landmarks that cover the space: no architecture is far from all of them (greedy k-centre)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmreg.config.schema import option
from lmreg.selector.base import Candidates, Selector
from lmreg.space.base import Arch


@dataclass
class Config:
    name: str = "coverage"
    candidates: int = option(
        1000, min=2, help="random architectures that the landmarks are chosen from, and that they cover"
    )


class CoverageSelector(Selector):
    """Chooses among random architectures the one that is farthest from all previous landmarks, and so on.

    Distances are Euclidean between the space's encodings. The largest distance from a candidate to its
    nearest landmark is at most twice the minimum for this number of landmarks. The first landmark is the
    first draw; of equally distant candidates the one drawn first is chosen. With a larger count, the
    landmarks of a smaller count stay.

    Source: Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance", Theoretical Computer
    Science 38, 1985.
    """

    def __init__(self, config: Config):
        self.config = config

    def select(self, candidates: Candidates, count: int, rng: np.random.Generator) -> list[Arch]:
        drawn = candidates.drawn(self.config.candidates, count, rng)
        codes, taken = (
            np.array([candidates.space.encode(arch) for arch in archs], np.float64)
            for archs in (drawn, candidates.taken)
        )
        gaps = np.full(len(drawn), np.inf)  # squared, to the nearest landmark or architecture of ``taken``
        for code in taken:
            gaps = np.minimum(gaps, ((codes - code) ** 2).sum(1))
        chosen: list[int] = []
        while len(chosen) < count:
            chosen.append(int(np.argmax(gaps)))
            gaps = np.minimum(gaps, ((codes - codes[chosen[-1]]) ** 2).sum(1))
            # Different architectures may have the same encoding, and none may be chosen twice.
            gaps[chosen] = -1
        return [drawn[index] for index in chosen]
