"""The interface of selectors, which choose the architectures that become landmarks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.errors import LmregError
from lmreg.space.base import Arch, Space
from lmreg.space.distinct import draw_distinct_up_to

Draw = Callable[[np.random.Generator], Arch]
"""Draws an architecture uniformly from those that can be chosen."""


@dataclass(frozen=True)
class Candidates:
    """The architectures that a selector chooses from.

    Attributes:
        draw: draws from the whole space, or from the rows of a table that have a score.
        params: returns the number of parameters of an architecture's stand-alone network, which it builds
            (milliseconds).
        taken: architectures to which no landmark may be isomorphic.
    """

    space: Space
    draw: Draw
    params: Callable[[Arch], int]
    taken: Sequence[Arch] = ()

    def drawn(self, wanted: int, count: int, rng: np.random.Generator) -> list[Arch]:
        """Draw up to ``wanted`` architectures, no two isomorphic; LmregError if there can't be ``count``."""
        if wanted < count:
            raise LmregError(
                f"selector.candidates={wanted}: must be at least landmarks.count, which is {count}"
            )
        found = draw_distinct_up_to(self.space, lambda: self.draw(rng), wanted, self.taken)
        if len(found) < count:
            raise LmregError(
                f"the selector found only {len(found)} architectures of different functions; "
                f"lower landmarks.count (now {count})"
            )
        return found


class Selector(ABC):
    """Chooses landmarks; all random draws use the given generator."""

    @abstractmethod
    def select(self, candidates: Candidates, count: int, rng: np.random.Generator) -> list[Arch]:
        """Return ``count`` architectures, no two isomorphic; LmregError if there are fewer."""
