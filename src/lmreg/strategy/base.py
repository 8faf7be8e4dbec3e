"""Searching a trained super-net for its best architectures."""

from __future__ import annotations

from abc import ABC, abstractmethod

from lmreg.strategy.limits import Limits
from lmreg.strategy.problem import SearchProblem


class Strategy(ABC):
    """Chooses the architectures that a search scores."""

    config: Limits

    @abstractmethod
    def search(self, problem: SearchProblem) -> None:
        """Have architectures scored by ``problem``, which keeps the results."""

    @abstractmethod
    def budget(self) -> int:
        """Return the greatest number of architectures that are scored."""
