"""The DARTS super-net for small images: all operations on all edges of its cells.

Source: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section 2.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lmreg.data.base import InputShape
from lmreg.network.base import MIXTURES, PARTIAL_CHANNELS, check_partial
from lmreg.network.cells import CellNetwork, Config, TwoInputCell, operation
from lmreg.network.edge import Drop, Edge
from lmreg.network.mixture import Choice, Mixture, weighted_options
from lmreg.space.base import Arch
from lmreg.space.darts import EDGES, NODES, OPERATIONS, DARTSSpace
from lmreg.space.genotype import CELL_INPUTS


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
            Edge(OPERATIONS, offered[d], operation, channels, partial, self.stride if s < CELL_INPUTS else 1)
            for d, (s, _) in zip(self._decisions, EDGES, strict=True)
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

    With ``partial`` = k, operations see 1/k of the channels, see `lmreg.network.edge.Edge`.
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
        super().__init__((config, space, shape, outputs), build, only, head)
