"""Which architectures become landmarks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.space.base import Arch, Space

Draw = Callable[[np.random.Generator], Arch]
"""Draws an architecture uniformly from those that may be chosen."""


@dataclass(frozen=True)
class Candidates:
    """What a selector chooses from.

    ``draw`` takes from the whole space or from the rows of a table that have a score; ``params`` is
    the number of parameters of an architecture's stand-alone network (it builds that network:
    milliseconds). No landmark may be isomorphic to one of ``taken``.
    """

    space: Space
    draw: Draw
    params: Callable[[Arch], int]
    taken: Sequence[Arch] = ()


class Selector(ABC):
    """Chooses landmarks; all that is random in it comes from the generator that it is given."""

    @abstractmethod
    def select(self, candidates: Candidates, count: int, rng: np.random.Generator) -> list[Arch]:
        """``count`` architectures, no two isomorphic.

        Raises:
            LmregError: there are not so many; the message says which option to change.
        """
