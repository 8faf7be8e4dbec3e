"""What a weight-sharing algorithm decides: which losses train the weights, and what it proposes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from lmreg.context import Context
from lmreg.data.images import Batch, BatchStream
from lmreg.space.base import Arch
from lmreg.space.draw import draw_up_to


class Algorithm(ABC):
    """Called once per training step, see `lmreg.train.step`."""

    def arch_step(self, ctx: Context, train: Batch, val: BatchStream | None) -> None:  # noqa: B027
        """Update architecture parameters on a held-out batch; nothing by default."""

    @abstractmethod
    def weight_losses(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        """Yield losses, each back-propagated before the next is asked for; their gradients add up."""

    def propose(self, ctx: Context, count: int) -> list[Arch]:
        """Up to ``count`` candidates for the search over the trained super-net, no two isomorphic;
        uniform ones by default."""
        return draw_up_to(ctx.space, lambda: ctx.space.sample(ctx.streams.arch), count)

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on exactly; only tensors, numbers, strings and containers."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Restore what `state_dict` gave."""
