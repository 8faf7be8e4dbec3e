"""The networks of NDS: DARTS's skeleton for small images with cells of five families.

Source: Radosavovic et al., "On Network Design Spaces for Visual Recognition", ICCV 2019, section 4 and the
code that trained its networks, pycls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from lmreg.data.base import InputShape
from lmreg.network.base import MIXTURES, Standalone
from lmreg.network.cells import CellNetwork, Config, TwoInputCell, operation
from lmreg.network.edge import Drop, apply_with_drop
from lmreg.network.mixture import Choice, Mixture, weighted_options, weighted_sum
from lmreg.space.base import Arch
from lmreg.space.genotype import CELL_INPUTS, CELL_NAMES, NODE_INPUTS
from lmreg.space.nds import NDS, NONE


class NodeInput(nn.ModuleDict):
    """The options of one input of a node, by name; each is an operation on an earlier node.

    The two inputs of a node don't share weights, so that an operation that is chosen for both is two layers.
    In a reduction cell, operations on the cell's inputs are strided.
    """

    def __init__(self, space: NDS, decision: int, offered: Sequence[int], channels: int, stride: int):
        super().__init__()
        self._names, self._space = space.options[decision], space
        for option in offered:
            source, number = space.input(option)
            name = space.edge_labels[number]
            if name != NONE:
                self[self._names[option]] = operation(name, channels, stride if source < CELL_INPUTS else 1)

    def forward(
        self, nodes: Sequence[Tensor], weighted: list[tuple[int, Tensor | None]], drop: Drop | None
    ) -> Tensor | None:
        """Return the weighted sum of options on ``nodes`` [B, channels, height, width]; None for zero."""

        def value(option: int) -> Tensor:
            return apply_with_drop(self[self._names[option]], nodes[self._space.input(option)[0]], drop)

        real = [(option, weight) for option, weight in weighted if self._names[option] in self]
        return weighted_sum(value, real) if real else None


class NDSCell(TwoInputCell):
    """Nodes, each the sum of its two inputs; the output concatenates all of them, or only the loose ends.

    In the super-net the output has a place for every node, and nodes that aren't loose ends are zeros in it.
    The layers that read the output are convolutions without bias and a linear layer after a mean, so they use
    only their weights for the loose ends. A stand-alone network (``only``) has just these weights.
    """

    def __init__(
        self,
        c_in: tuple[int, int],
        channels: int,
        reduction: bool,
        after_reduction: bool,
        space: NDS,
        only: Arch | None,
    ):
        every = list(range(CELL_INPUTS, CELL_INPUTS + space.nodes))
        joined = every if only is None else space.joined(space.cells(only)[int(reduction)])
        super().__init__(c_in, channels, reduction, after_reduction, len(joined))
        self.joined, self._space = joined, space
        half = len(space.options) // len(CELL_NAMES)
        self._decisions = range(half, 2 * half) if reduction else range(half)
        offered = (
            [range(len(names)) for names in space.options] if only is None else [[c] for c in only.choices]
        )
        self.slots = nn.ModuleList(
            NodeInput(space, d, offered[d], channels, self.stride) for d in self._decisions
        )

    def forward(self, before_last: Tensor, last: Tensor, choice: Choice, drop: Drop | None) -> Tensor:
        nodes: list[Tensor] = [self.inputs[0](before_last), self.inputs[1](last)]
        factors = choice.edges if isinstance(choice, Mixture) else None
        values: list[Tensor] = []
        for place, (d, slot) in enumerate(zip(self._decisions, self.slots, strict=True), start=1):
            value = slot(nodes, weighted_options(choice, d), drop)
            if value is not None:
                values.append(value if factors is None else factors[d] * value)
            if place % NODE_INPUTS == 0:
                nodes.append(self.node(values, nodes[0]))
                values = []
        shares = self._output_factors(choice)
        return torch.cat([_share(nodes[node], shares[node]) for node in self.joined], 1)

    def _output_factors(self, choice: Choice) -> list[float | Tensor]:
        """Return each node's factor in the output: 1 for a loose end, 0 for other nodes.

        In a mixture, whose inputs are independent of each other, it is the product, over all inputs, of the
        total weight of the options that don't read the node.
        """
        shares: list[float | Tensor] = [1.0] * (CELL_INPUTS + self._space.nodes)
        for d in self._decisions if self._space.family.loose_ends else ():
            read: dict[int, float | Tensor] = {}
            for option, weight in weighted_options(choice, d):
                source, _ = self._space.input(option)
                read[source] = read.get(source, 0.0) + (1.0 if weight is None else weight)
            for source, total in read.items():
                shares[source] = shares[source] * (1.0 - total)
        return shares


def _share(node: Tensor, share: float | Tensor) -> Tensor:
    if isinstance(share, Tensor):
        return share * node
    return node if share else torch.zeros_like(node)


class NDSNetwork(CellNetwork):
    """The super-net, or the network of the architecture ``only``."""

    offers = frozenset({MIXTURES})
    of_space = NDS

    def __init__(
        self,
        config: Config,
        space: NDS,
        shape: InputShape,
        outputs: int,
        only: Arch | None = None,
        head: bool = False,
    ):
        build = partial(NDSCell, space=space, only=only)
        super().__init__((config, space, shape, outputs), build, only, head)

    def extract(self, arch: Arch) -> Standalone:
        """Return the stand-alone network of ``arch`` with a copy of the super-net's weights.

        Layers that read a cell's output get only their weights for the nodes that are concatenated there.
        """
        alone, count = self.standalone(arch), self._parts[1].nodes
        state = self.state_for(alone)
        for cell, prefix in self._readers():
            joined = [node - CELL_INPUTS for node in alone.net.cells[cell].joined]  # type: ignore
            for key, value in state.items():
                if key.startswith(prefix) and value.dim() > 1:
                    state[key] = value.unflatten(1, (count, -1))[:, joined].flatten(1, 2)
        alone.net.load_state_dict(state)
        return alone

    def _readers(self) -> Iterator[tuple[int, str]]:
        """Yield, for each layer that reads a cell's output, the cell and the prefix of its parameters."""
        for number in range(len(self.cells)):
            for back in (1, 2):
                if number + back < len(self.cells):
                    yield number, f"cells.{number + back}.inputs.{2 - back}."
        yield len(self.cells) - 1, "classifier."
