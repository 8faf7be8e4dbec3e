"""Searching a trained super-net for its best architectures."""

from __future__ import annotations

from abc import ABC, abstractmethod

from lmreg.strategy.limits import Limits
from lmreg.strategy.problem import SearchProblem


class Strategy(ABC):
    """Decides which architectures are scored."""

    config: Limits

    @abstractmethod
    def search(self, problem: SearchProblem) -> None:
        """Have architectures scored by ``problem``, which keeps them."""

    @abstractmethod
    def budget(self) -> int:
        """How many architectures are scored at most."""
