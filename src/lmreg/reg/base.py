"""What a regulariser adds to the training loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from lmreg.data.images import Batch
from lmreg.landmarks.truth import LandmarkSet
from lmreg.train.context import Context


class Regulariser(ABC):
    """Called once per training step after the algorithm's losses, see `lmreg.train.step`."""

    config: Any
    """What the constructor was given."""
    needs_landmarks = False
    batch_size: int | None = None
    """Images per batch of the rank split; None for as many as the trainer takes."""
    warmup: float = 0.0
    """Share of the training before it acts, from 0 to 1."""

    @abstractmethod
    def __init__(self, config: Any, landmarks: LandmarkSet | None):
        """``landmarks`` are given where ``needs_landmarks`` is set."""

    @classmethod
    def needs(cls, config: Any) -> frozenset[str]:
        """What the super-net must offer, see `SuperNet.offers`."""
        return frozenset()

    @abstractmethod
    def terms(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        """Yield scaled terms, each back-propagated before the next is asked for."""

    def with_landmarks(self, landmarks: LandmarkSet) -> Regulariser:
        """As it is now, its state included, but with these landmarks."""
        other = type(self)(self.config, landmarks)
        other.load_state_dict(self.state_dict())
        return other

    def figures(self) -> dict[str, float]:
        """Figures for ``metrics.csv`` since the last call."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on exactly; only tensors, numbers, strings and containers."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Restore what `state_dict` gave."""
