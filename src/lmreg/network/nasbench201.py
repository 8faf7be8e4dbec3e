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
    OfferedNetwork,
    SuperNetOnly,
    batch_norm,
    check_partial,
    convolution,
    relu_conv_norm,
    remove_affine,
)
from lmreg.network.edge import Edge
from lmreg.network.mixture import Choice, Mixture, Offered, weighted_options
from lmreg.space.nasbench201 import EDGES, OPERATIONS, NASBench201

STAGES = 3


@dataclass
class Config(SuperNetOnly):
    channels: int = option(
        8, min=1, help="channels of the first stage; each later stage doubles them (the benchmark: 16)"
    )
    cells: int = option(1, min=1, help="cells per stage (the benchmark: 5)")


def _operation(name: str, channels: int, stride: int) -> nn.Module:
    if name.startswith("nor_conv"):
        return relu_conv_norm(channels, channels, int(name[-1]), stride)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
    return nn.Identity()


class NASBench201Cell(nn.Module):
    """A cell with operations on its edges: a node is the sum of its incoming edges.

    Args:
        edges: (from, to), ascending by the target node; the last node is the output.
        first: the decision of the first edge; the other edges have the next decisions.
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
        self.edges = nn.ModuleList(Edge(OPERATIONS, c, _operation, channels, partial) for c in offered)
        self._ends, self._first = tuple(edges), first

    def forward(self, inputs: Sequence[Tensor], choice: Choice) -> Tensor:
        """Return the output for ``inputs``, the values [B, channels, height, width] of the first nodes."""
        x, last = inputs[0], self._ends[-1][1]
        nodes: list[Tensor | None] = [*inputs, *[None] * (last + 1 - len(inputs))]
        factors = choice.edges if isinstance(choice, Mixture) else None
        for i, ((source, target), edge) in enumerate(zip(self._ends, self.edges, strict=True), self._first):
            if nodes[source] is None:
                nodes[source] = torch.zeros_like(x)
            value = edge(nodes[source], weighted_options(choice, i))
            if value is None:
                continue
            value = value if factors is None else factors[i] * value
            so_far = nodes[target]
            nodes[target] = value if so_far is None else so_far + value
        output = nodes[-1]
        return torch.zeros_like(x) if output is None else output


class ResidualBlock(nn.Module):
    """Halves the resolution (rounded up, so that odd sizes work) and doubles the channels."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        self.conv_a = relu_conv_norm(c_in, c_out, 3, stride=2)
        self.conv_b = relu_conv_norm(c_out, c_out, 3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, stride=2, ceil_mode=True), convolution(c_in, c_out))

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.conv_b(self.conv_a(x))


class NASBench201Network(OfferedNetwork):
    """The super-net, or with one option offered per edge the network of one architecture.

    With ``partial`` = k, operations see 1/k of the channels, see `lmreg.network.edge.Edge`.
    """

    offers = frozenset({MIXTURES, PARTIAL_CHANNELS})
    of_space = NASBench201

    def __init__(
        self,
        config: Config,
        space: NASBench201,
        shape: InputShape,
        outputs: int,
        offered: Offered = None,
        partial: int = 1,
    ):
        super().__init__()
        self._parts = (config, space, shape, outputs)
        check_partial(config.channels, partial)
        plain = offered is None and not config.affine
        offered = offered or [range(len(names)) for names in space.options]
        widths = [config.channels * 2**stage for stage in range(STAGES)]
        self.stem = nn.Sequential(convolution(shape.channels, widths[0], 3), batch_norm(widths[0]))
        self.body = nn.ModuleList()
        for stage, width in enumerate(widths):
            if stage > 0:
                self.body.append(ResidualBlock(widths[stage - 1], width))
            self.body.extend(NASBench201Cell(width, offered, partial) for _ in range(config.cells))
        if plain:
            remove_affine(nn.ModuleList(b for b in self.body if isinstance(b, NASBench201Cell)))
        self.norm = batch_norm(widths[-1])
        self.classifier = nn.Linear(widths[-1], outputs)

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        x = self.stem(x)
        for block in self.body:
            x = block([x], choice) if isinstance(block, NASBench201Cell) else block(x)
        return self.classifier(F.relu(self.norm(x)).mean((2, 3)))
