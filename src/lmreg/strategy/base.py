"""Searching a trained super-net for its best architectures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import pandas as pd

from lmreg.algo.base import Algorithm
from lmreg.context import Context
from lmreg.space.base import Arch

ScoreArchs = Callable[[Sequence[Arch]], pd.DataFrame]
"""Scores architectures on the score split: one row each, one column per score of the task."""


class Strategy(ABC):
    """Decides which architectures are scored."""

    @abstractmethod
    def search(self, ctx: Context, algo: Algorithm, score: ScoreArchs) -> tuple[list[Arch], pd.DataFrame]:
        """The architectures visited, no two isomorphic, and their scores row by row."""

    @abstractmethod
    def budget(self) -> int:
        """How many architectures are scored, for a progress display."""
