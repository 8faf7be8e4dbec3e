"""The interface of regularisers, which add terms to the training loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from lmreg.data.images import Batch
from lmreg.landmarks.truth import LandmarkSet
from lmreg.train.context import Context


class Regulariser(ABC):
    """A regulariser; `lmreg.train.step` calls it once per training step after the algorithm's losses."""

    config: Any
    """The constructor's config."""
    needs_landmarks = False
    batch_size: int | None = None
    """Images per batch of the rank split; None for the trainer's batch size."""
    warmup: float = 0.0
    """Share of the training, in [0, 1], before the regulariser acts."""

    @abstractmethod
    def __init__(self, config: Any, landmarks: LandmarkSet | None):
        """``landmarks`` are given if ``needs_landmarks`` is set."""

    @classmethod
    def needs(cls, config: Any) -> frozenset[str]:
        """Return the features that the super-net must offer, see `SuperNet.offers`."""
        return frozenset()

    @abstractmethod
    def terms(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        """Yield scaled terms; each is back-propagated before the next is requested."""

    def with_landmarks(self, landmarks: LandmarkSet) -> Regulariser:
        """Return a copy with the same state but with these landmarks."""
        other = type(self)(self.config, landmarks)
        other.load_state_dict(self.state_dict())
        return other

    def figures(self) -> dict[str, float]:
        """Return the regulariser's columns in ``metrics.csv``, aggregated since the last call."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return the state needed to resume exactly: only tensors, numbers, strings and containers."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Restore the state that `state_dict` returned."""
