"""The operations on an edge between two nodes of a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmreg.network.mixture import weighted_sum

Drop = Callable[[Tensor], Tensor]
"""Drop path: zeroes an operation's output for random images of a batch."""


def apply_with_drop(module: nn.Module, x: Tensor, drop: Drop | None) -> Tensor:
    """Return the operation ``module`` applied to ``x``, with drop path unless it is the identity."""
    value = module(x)
    return value if drop is None or isinstance(module, nn.Identity) else drop(value)


class Edge(nn.ModuleDict):
    """The operations that are offered between two nodes, by name; `none` has no module.

    With ``partial`` = k they see the first 1/k of the channels. The other channels bypass them, max-pooled if
    the edge reduces, and all channels are shuffled, so that the next edge's operations see others (PC-DARTS,
    Xu et al., ICLR 2020, and its released code).

    Args:
        names: names of all options.
        offered: indices of the options that are built.
        build: builds an operation from its name, channels and stride.
    """

    def __init__(
        self,
        names: Sequence[str],
        offered: Sequence[int],
        build: Callable[[str, int, int], nn.Module],
        channels: int,
        partial: int,
        stride: int = 1,
    ):
        seen = channels // partial
        super().__init__({names[c]: build(names[c], seen, stride) for c in offered if names[c] != "none"})
        self._names, self._seen, self._partial, self._stride = tuple(names), seen, partial, stride

    def forward(
        self, x: Tensor, weighted: list[tuple[int, Tensor | None]], drop: Drop | None = None
    ) -> Tensor | None:
        """Return the weighted sum of operations on ``x`` [B, channels, height, width]; None if it is zero.

        ``weighted`` are operations with their weights, from `lmreg.network.mixture.weighted_options`.
        """
        names = self._names
        part = x if self._partial == 1 else x[:, : self._seen]
        real = [(c, weight) for c, weight in weighted if names[c] != "none"]
        total = weighted_sum(lambda c: apply_with_drop(self[names[c]], part, drop), real) if real else None
        if self._partial == 1 or (total is None and weighted[0][1] is None):
            return total  # a path without this edge lacks its bypass too
        rest = x[:, self._seen :]
        if self._stride > 1:
            rest = F.max_pool2d(rest, 2, self._stride, ceil_mode=True)
        total = torch.zeros_like(rest[:, : self._seen]) if total is None else total
        return F.channel_shuffle(torch.cat([total, rest], 1), self._partial)
