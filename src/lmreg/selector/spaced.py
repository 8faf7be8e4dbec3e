"""Landmarks with a minimum distance from each other."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.selector.base import Candidates, Selector
from lmreg.space.base import Arch
from lmreg.space.distinct import draw_distinct_up_to

_PATIENCE, _LITTLE_PATIENCE = 10_000, 300
"""Consecutive failed draws after which a distance is given up: the last possible one, and larger ones."""


@dataclass
class Config:
    name: str = "spaced"
    min_distance: int | None = option(
        None,
        min=1,
        help="smallest number of decisions in which any two landmarks differ; null: half of the decisions, "
        "or the largest at which enough landmarks are found",
    )


class SpacedSelector(Selector):
    """Chooses those random draws that are far enough from all previous landmarks.

    With a larger count, the landmarks of a smaller count stay if the distance is the same.
    """

    def __init__(self, config: Config | None = None):
        self.config = config or Config()

    def select(self, candidates: Candidates, count: int, rng: np.random.Generator) -> list[Arch]:
        given, decisions = self.config.min_distance, len(candidates.space.options)
        if given is not None and given > decisions:
            raise LmregError(
                f"selector.min_distance={given}: must be at most {decisions}, "
                f"the number of decisions of {candidates.space.name}"
            )
        found: list[Arch] = []
        for least in range(max(1, decisions // 2), 0, -1) if given is None else [given]:
            # Each distance starts from the same draws, so that failed larger ones don't change the result.
            patience = _PATIENCE if least in (given, 1) else _LITTLE_PATIENCE
            found = _apart(candidates, count, least, copy.deepcopy(rng), patience)
            if len(found) == count:
                return found
        lower = "lower" if given is None else f"lower selector.min_distance (now {given}) or"
        raise LmregError(
            f"selector=spaced found only {len(found)} of {count} architectures with a distance of "
            f"{given or 1} or more; {lower} landmarks.count (now {count})"
        )


def _apart(
    candidates: Candidates, count: int, least: int, rng: np.random.Generator, patience: int
) -> list[Arch]:
    """Return up to ``count`` draws that are at least ``least`` apart from each other and from ``taken``."""
    space, taken = candidates.space, candidates.taken

    def far(arch: Arch, found: Sequence[Arch]) -> bool:  # non-isomorphic architectures are at least 1 apart
        return least == 1 or all(space.distance(arch, other) >= least for other in (*taken, *found))

    return draw_distinct_up_to(space, lambda: candidates.draw(rng), count, taken, far, patience)
