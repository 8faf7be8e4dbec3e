"""The DARTS super-net for small images: all operations on all edges of its cells.

Source: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section 2.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmreg.data.base import InputShape
from lmreg.network.base import MIXTURES, PARTIAL_CHANNELS, check_partial, remove_affine
from lmreg.network.cells import CellNetwork, Config, Drop, TwoInputCell, apply_with_drop, operation
from lmreg.network.mixture import Choice, Mixture, weighted_options, weighted_sum
from lmreg.space.base import Arch
from lmreg.space.darts import EDGES, NODES, NONE, OPERATIONS, DARTSSpace
from lmreg.space.genotype import CELL_INPUTS


class DARTSEdge(nn.ModuleDict):
    """The operations that are offered between two nodes, by name.

    With ``partial`` = k they see the first 1/k of the channels. The other channels bypass them, max-pooled if
    the edge reduces, and all channels are shuffled (PC-DARTS, Xu et al., ICLR 2020, and its released code).
    """

    def __init__(self, channels: int, stride: int, offered: Sequence[int], partial: int):
        seen = channels // partial
        names = [OPERATIONS[choice] for choice in offered if choice != NONE]
        super().__init__({name: operation(name, seen, stride) for name in names})
        self._seen, self._stride, self._partial = seen, stride, partial

    def forward(
        self, x: Tensor, weighted: list[tuple[int, Tensor | None]], drop: Drop | None
    ) -> Tensor | None:
        """Return the weighted sum of operations on ``x`` [B, channels, height, width]; None if it is zero.

        Args:
            weighted: operations with their weights, from `lmreg.network.mixture.weighted_options`.
        """
        whole = self._partial == 1
        part = x if whole else x[:, : self._seen]
        real = [(c, weight) for c, weight in weighted if c != NONE]
        total = (
            weighted_sum(lambda c: apply_with_drop(self[OPERATIONS[c]], part, drop), real) if real else None
        )
        if whole or weighted == [(NONE, None)]:  # a path without this edge lacks its bypass too
            return total
        rest = x[:, self._seen :]
        if self._stride > 1:
            rest = F.max_pool2d(rest, 2, self._stride, ceil_mode=True)
        if total is None:
            total = rest.new_zeros(len(rest), self._seen, *rest.shape[2:])
        return F.channel_shuffle(torch.cat([total, rest], 1), self._partial)


class DARTSCell(TwoInputCell):
    """Four nodes, each the sum of operations on earlier nodes; the output concatenates them."""

    def __init__(
        self,
        c_in: tuple[int, int],
        channels: int,
        reduction: bool,
        after_reduction: bool,
        offered: Sequence[Sequence[int]],
        partial: int,
    ):
        super().__init__(c_in, channels, reduction, after_reduction, NODES)
        self._decisions = range(len(EDGES), 2 * len(EDGES)) if reduction else range(len(EDGES))
        self.edges = nn.ModuleList(
            DARTSEdge(channels, self.stride if source < CELL_INPUTS else 1, offered[d], partial)
            for d, (source, _) in zip(self._decisions, EDGES, strict=True)
        )

    def forward(self, before_last: Tensor, last: Tensor, choice: Choice, drop: Drop | None) -> Tensor:
        nodes: list[Tensor] = [self.inputs[0](before_last), self.inputs[1](last)]
        factors = choice.edges if isinstance(choice, Mixture) else None
        into: dict[int, list[Tensor]] = {}
        for d, (source, target), edge in zip(self._decisions, EDGES, self.edges, strict=True):
            if source == 0 and target > CELL_INPUTS:
                nodes.append(self.node(into.get(target - 1, []), nodes[0]))
            value = edge(nodes[source], weighted_options(choice, d), drop)
            if value is not None:
                value = value if factors is None else factors[d] * value
                into.setdefault(target, []).append(value)
        nodes.append(self.node(into.get(CELL_INPUTS + NODES - 1, []), nodes[0]))
        return torch.cat(nodes[CELL_INPUTS:], 1)


class DARTSNetwork(CellNetwork):
    """The super-net, or the network of the architecture ``only``.

    With ``partial`` = k, operations see 1/k of the channels, see `DARTSEdge`.
    """

    offers = frozenset({MIXTURES, PARTIAL_CHANNELS})
    of_space = DARTSSpace

    def __init__(
        self,
        config: Config,
        space: DARTSSpace,
        shape: InputShape,
        outputs: int,
        only: Arch | None = None,
        partial: int = 1,
        head: bool = False,
    ):
        check_partial(config.channels, partial)
        offered = (
            [range(len(names)) for names in space.options] if only is None else [[c] for c in only.choices]
        )
        build = functools.partial(DARTSCell, offered=offered, partial=partial)
        super().__init__(config, shape, outputs, build, head)
        if only is None and not config.affine:
            remove_affine(self.cells)
        self._parts = (config, space, shape, outputs)

    def only(self, arch: Arch, head: bool) -> DARTSNetwork:
        return DARTSNetwork(*self._parts, only=arch, head=head)
