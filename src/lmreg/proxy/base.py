"""The interface of training-free scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from lmreg.proxy.probe import Probe


class Proxy(ABC):
    """A score of a network at initialisation, larger for networks that promise to be better when trained."""

    takes: ClassVar[str | None] = None
    """What the task must take, see `Task.takes`; None if any task will do."""

    @abstractmethod
    def score(self, probe: Probe) -> float:
        """Return the score of the probed network. NaN and infinities count as worst."""
