"""The NAS-Bench-201 network: stem, three stages of cells, residual blocks between them.

Source: Dong & Yang, ICLR 2020, figure 1 and its reference skeleton.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmreg.config.schema import option
from lmreg.data.base import InputShape
from lmreg.network.base import (
    MIXTURES,
    PARTIAL_CHANNELS,
    Standalone,
    SuperNet,
    SuperNetOnly,
    batch_norm,
    check_partial,
    remove_affine,
)
from lmreg.network.mixture import Choice, Mixture, terms
from lmreg.space.base import Arch
from lmreg.space.nasbench201 import EDGES, OPERATIONS, NASBench201

STAGES = 3
NONE = OPERATIONS.index("none")


@dataclass
class Config(SuperNetOnly):
    channels: int = option(
        8, min=1, help="channels of the first stage; each later stage doubles them (the benchmark: 16)"
    )
    cells: int = option(1, min=1, help="cells per stage (the benchmark: 5)")


def _relu_conv_norm(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, batch_norm(c_out))


def _operation(name: str, channels: int) -> nn.Module:
    if name == "nor_conv_1x1":
        return _relu_conv_norm(channels, channels, 1)
    if name == "nor_conv_3x3":
        return _relu_conv_norm(channels, channels, 3)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return nn.Identity()  # skip_connect; `none` is never called


class Edge(nn.ModuleDict):
    """The operations offered between two nodes, by name.

    With ``partial`` = k they see the first 1/k of the channels; the others pass by, and all are
    shuffled, so that the next edge's operations see others (PC-DARTS, Xu et al., ICLR 2020).
    """

    def __init__(self, channels: int, offered: Sequence[int], partial: int):
        seen = channels // partial
        super().__init__({OPERATIONS[c]: _operation(OPERATIONS[c], seen) for c in offered})
        self._seen, self._partial = seen, partial

    def forward(self, x: Tensor, weighted: list[tuple[int, Tensor | None]]) -> Tensor | None:
        """The weighted sum of operations on ``x`` [B, channels, height, width]; None where it is zero.

        Args:
            weighted: operations with their weights, see `lmreg.network.mixture.terms`.
        """
        whole = self._partial == 1
        part = x if whole else x[:, : self._seen]
        total: Tensor | None = None
        for choice, weight in weighted:
            if choice == NONE:
                continue
            value = self[OPERATIONS[choice]](part)
            value = value if weight is None else weight * value
            total = value if total is None else total + value
        if whole or weighted == [(NONE, None)]:  # a path without this edge lacks its by-pass, too
            return total
        total = torch.zeros_like(part) if total is None else total
        return F.channel_shuffle(torch.cat([total, x[:, self._seen :]], 1), self._partial)


class Cell(nn.Module):
    """Nodes that are each the sum of their incoming edges' operations on earlier ones.

    Args:
        edges: (from, to), ascending by the node that they lead to; the last node is the output.
        first: the decision of the first edge; those of the others follow.
    """

    def __init__(
        self,
        channels: int,
        offered: Sequence[Sequence[int]],
        partial: int,
        edges: Sequence[tuple[int, int]] = EDGES,
        first: int = 0,
    ):
        super().__init__()
        self.edges = nn.ModuleList(Edge(channels, choices, partial) for choices in offered)
        self._ends, self._first = tuple(edges), first

    def forward(self, inputs: Sequence[Tensor], choice: Choice) -> Tensor:
        """The output for the first nodes' values [B, channels, height, width]."""
        x, last = inputs[0], self._ends[-1][1]
        nodes: list[Tensor | None] = [*inputs, *[None] * (last + 1 - len(inputs))]
        factors = choice.edges if isinstance(choice, Mixture) else None
        for i, ((source, target), edge) in enumerate(zip(self._ends, self.edges, strict=True), self._first):
            if nodes[source] is None:
                nodes[source] = torch.zeros_like(x)
            value = edge(nodes[source], terms(choice, i))
            if value is None:
                continue
            value = value if factors is None else factors[i] * value
            so_far = nodes[target]
            nodes[target] = value if so_far is None else so_far + value
        output = nodes[-1]
        return torch.zeros_like(x) if output is None else output


class ResidualBlock(nn.Module):
    """Halves the resolution (rounding up, so odd sizes work) and doubles the channels."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        self.conv_a = _relu_conv_norm(c_in, c_out, 3, stride=2)
        self.conv_b = _relu_conv_norm(c_out, c_out, 3)
        pool = nn.AvgPool2d(2, stride=2, ceil_mode=True)
        self.shortcut = nn.Sequential(pool, nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.conv_b(self.conv_a(x))


class Network(SuperNet):
    """The super-net, or with one option offered per edge the network of one architecture.

    With ``partial`` = k the edges' operations see 1/k of the channels, see `Edge`.
    """

    offers = frozenset({MIXTURES, PARTIAL_CHANNELS})
    of_space = NASBench201

    def __init__(
        self,
        config: Config,
        space: NASBench201,
        shape: InputShape,
        outputs: int,
        offered: Sequence[Sequence[int]] | None = None,
        partial: int = 1,
    ):
        super().__init__()
        self._parts = (config, space, shape, outputs)
        check_partial(config.channels, partial)
        plain = offered is None and not config.affine
        offered = offered or [range(len(names)) for names in space.options]
        widths = [config.channels * 2**stage for stage in range(STAGES)]
        stem = nn.Conv2d(shape.channels, widths[0], 3, padding=1, bias=False)
        self.stem = nn.Sequential(stem, batch_norm(widths[0]))
        self.body = nn.ModuleList()
        for stage, width in enumerate(widths):
            if stage > 0:
                self.body.append(ResidualBlock(widths[stage - 1], width))
            self.body.extend(Cell(width, offered, partial) for _ in range(config.cells))
        for block in self.body if plain else ():
            if isinstance(block, Cell):
                remove_affine(block)
        self.norm = batch_norm(widths[-1])
        self.classifier = nn.Linear(widths[-1], outputs)

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        x = self.stem(x)
        for block in self.body:
            x = block([x], choice) if isinstance(block, Cell) else block(x)
        return self.classifier(F.relu(self.norm(x)).mean((2, 3)))

    def standalone(self, arch: Arch) -> Standalone:
        return Standalone(Network(*self._parts, offered=[[c] for c in arch.choices]), arch)
