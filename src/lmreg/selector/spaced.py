"""Landmarks that keep a distance from each other."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.selector.base import Candidates, Selector
from lmreg.space.base import Arch
from lmreg.space.draw import draw_up_to

_PATIENCE, _QUICK = 10_000, 300
"""Draws in a row without success after which a distance is given up: one that must be, one that needn't."""


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
    """Random draws, each kept if it is far enough from all kept before.

    Asking for more keeps those chosen before, as long as the distance stays.
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
            # Each from the same draws: a distance that is too large must not change what a smaller one gives.
            last = given is not None or least == 1
            found = _apart(candidates, count, least, copy.deepcopy(rng), _PATIENCE if last else _QUICK)
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
    """Up to ``count`` draws of which any two, and any with one of those taken, are ``least`` apart."""
    space, taken = candidates.space, candidates.taken

    def far(arch: Arch, found: Sequence[Arch]) -> bool:  # different networks are 1 apart anyway
        return least == 1 or all(space.distance(arch, other) >= least for other in (*taken, *found))

    return draw_up_to(space, lambda: candidates.draw(rng), count, taken, far, patience)
