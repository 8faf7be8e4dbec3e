"""The interface of selectors, which choose the architectures that become landmarks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.space.base import Arch, Space

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


class Selector(ABC):
    """Chooses landmarks; all random draws use the given generator."""

    @abstractmethod
    def select(self, candidates: Candidates, count: int, rng: np.random.Generator) -> list[Arch]:
        """Return ``count`` architectures, no two isomorphic.

        Raises:
            LmregError: fewer were found; the message says which option to change.
        """
