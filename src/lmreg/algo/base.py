"""What a weight-sharing algorithm decides: which losses train the weights, and what it proposes."""

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
    """Called once per training step, see `lmreg.train.step`."""

    needs: frozenset[str] = frozenset()
    """What the super-net must offer, see `SuperNet.offers`."""
    alpha_split: str | None = None
    """The split whose images architecture parameters learn from; None without any."""
    uses_scores: bool = False
    """Whether it looks at `Context.scores` while it trains; then the way of scoring shapes the super-net."""
    interval_epochs: float | None = None
    """Epochs between two calls of `on_interval`; None for never."""

    def check(self, space: Space) -> None:  # noqa: B027
        """Before any data is read.

        Raises:
            LmregError: the algorithm can't search ``space``.
        """

    def paths_per_step(self, space: Space) -> int:
        """Paths that a step trains on its batch, which is what a budget counts; a mixture counts as one."""
        return 1

    def network_options(self) -> dict[str, int]:
        """What the super-net is built with besides its config, of what it `offers`."""
        return {}

    def begin(self, ctx: Context) -> None:  # noqa: B027
        """Make own state; called once before the first step, and before a state is loaded."""

    def arch_step(self, ctx: Context, train: Batch) -> None:  # noqa: B027
        """Update architecture parameters on a batch of their own; ``train`` is what the weights will
        be trained on in this step."""

    @abstractmethod
    def weight_losses(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        """Yield losses, each back-propagated before the next is asked for; their gradients add up."""

    def on_interval(self, ctx: Context) -> None:  # noqa: B027
        """Called after every `interval_epochs` epochs, between two steps."""

    def discretised(self, ctx: Context) -> Arch | None:
        """The one architecture that was learned; None where the algorithm learns none."""
        return None

    def figures(self) -> dict[str, float]:
        """Figures for ``metrics.csv``, as of now."""
        return {}

    def propose(self, ctx: Context, count: int) -> list[Arch]:
        """Up to ``count`` candidates for the search over the trained super-net, no two isomorphic;
        uniform ones by default."""
        return draw_distinct_up_to(ctx.space, lambda: ctx.space.sample(ctx.streams.arch), count)

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on exactly; only tensors, numbers, strings and containers."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Restore what `state_dict` gave."""
