"""The interface of weight-sharing algorithms: the losses that train the weights, and proposed candidates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from lmreg.data.images import Batch
from lmreg.space.base import Arch, Space
from lmreg.space.distinct import draw_distinct_up_to
from lmreg.train.context import Context


class Algorithm(ABC):
    """A weight-sharing algorithm; `lmreg.train.step` calls it once per training step."""

    needs: frozenset[str] = frozenset()
    """Features that the super-net must offer, see `SuperNet.offers`."""
    alpha_split: str | None = None
    """The split on which architecture parameters are trained; None if there are none."""
    trains: bool = True
    """Whether there is a super-net to train; if not, a predictor orders the candidates."""
    uses_scores: bool = False
    """Whether training uses `Context.scores`; if so, the super-net depends on the scoring options."""
    interval_epochs: float | None = None
    """Epochs between two calls of `on_interval`; None to never call it."""

    def check(self, space: Space) -> None:  # noqa: B027
        """Raise LmregError if the algorithm can't search ``space``; called before any data are read."""

    def paths_per_step(self, space: Space) -> int:
        """Return the paths that a step trains on its batch, as budgets count; a mixture is one."""
        return 1

    def network_options(self) -> dict[str, int]:
        """Return further arguments of the super-net's constructor, for features that it offers."""
        return {}

    def begin(self, ctx: Context) -> None:  # noqa: B027
        """Create the algorithm's state; called once before the first step and before `load_state_dict`."""

    def arch_step(self, ctx: Context, train: Batch) -> None:  # noqa: B027
        """Update architecture parameters on a batch of their own split; the weights' step is on ``train``."""

    @abstractmethod
    def weight_losses(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        """Yield losses; each is back-propagated before the next is requested, and gradients add up."""

    def on_interval(self, ctx: Context) -> None:  # noqa: B027
        """Called between two steps after every `interval_epochs` epochs."""

    def discretised(self, ctx: Context) -> Arch | None:
        """Return the architecture that was learned, None if the algorithm doesn't learn one."""
        return None

    def figures(self) -> dict[str, float]:
        """Return the current values of the algorithm's columns in ``metrics.csv``."""
        return {}

    def propose(self, ctx: Context, count: int) -> list[Arch]:
        """Return up to ``count`` candidates for the search, no two isomorphic; by default uniform draws."""
        return draw_distinct_up_to(ctx.space, lambda: ctx.space.sample(ctx.streams.arch), count)

    def state_dict(self) -> dict[str, Any]:
        """Return the state needed to resume exactly: only tensors, numbers, strings and containers."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Restore the state that `state_dict` returned."""
