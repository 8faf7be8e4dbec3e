"""The NAS-Bench-101 network: stem, three stacks of cells, max-pooling between them.

Source: Ying et al., ICML 2019, section 2 and its supplement on the channels within a cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmreg.config.schema import option
from lmreg.data.base import InputShape
from lmreg.network.base import Standalone, SuperNet, SuperNetOnly, remove_affine
from lmreg.network.mixture import Choice
from lmreg.space.base import Arch
from lmreg.space.cell_graph import CellGraph
from lmreg.space.nasbench101 import KERNELS, OPERATIONS, VERTICES, NASBench101

STACKS = 3


@dataclass
class Config(SuperNetOnly):
    # At most 4 vertices of a cell share its channels: fewer than 4 would leave one without any.
    channels: int = option(
        16, min=4, help="channels of the first stack; each later stack doubles them (the benchmark: 128)"
    )
    cells: int = option(1, min=1, help="cells per stack (the benchmark: 3)")


def vertex_channels(cell: CellGraph, width: int) -> list[int]:
    """Return the channels of every vertex; 0 for the input, which has no number of its own.

    The cell's ``width`` is divided among the vertices that lead to the output; the first ones get the
    remainder. Any other vertex has as many channels as the widest vertex that it leads to.
    """
    last = cell.vertices - 1
    ends = [vertex for vertex in cell.sources(last) if vertex > 0]
    channels = [0] * last + [width]
    for place, vertex in enumerate(ends):
        channels[vertex] = width // len(ends) + (place < width % len(ends))
    for vertex in range(last - 1, 0, -1):
        if vertex not in ends:
            channels[vertex] = max(channels[b] for a, b in cell.edges if a == vertex)
    return channels


class FirstChannels(nn.Conv2d):
    """A convolution that can use only the first of its input and output channels."""

    def forward(self, x: Tensor, channels: int) -> Tensor:  # type: ignore[override]
        return F.conv2d(x, self.weight[:channels, : x.shape[1]], padding=self.padding)


class FirstNorm(nn.BatchNorm2d):
    """Batch normalisation of the first channels, always by batch statistics, as in `batch_norm`."""

    def __init__(self, channels: int):
        super().__init__(channels, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        count = x.shape[1]
        whole = (self.running_mean, self.running_var, self.weight, self.bias)
        mean, variance, weight, bias = (None if values is None else values[:count] for values in whole)
        batch_statistics = self.training or mean is None
        momentum = 0.0 if self.momentum is None else self.momentum
        return F.batch_norm(x, mean, variance, weight, bias, batch_statistics, momentum, self.eps)


class ConvNormReLU(nn.Module):
    """Convolution, batch normalisation and ReLU with up to ``c_in`` and ``c_out`` channels.

    All three treat each output channel separately. So the first output channels alone are what they would be
    at full width, and absent input channels count as zeros.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int):
        super().__init__()
        self.conv = FirstChannels(c_in, c_out, kernel, padding=kernel // 2, bias=False)
        self.norm = FirstNorm(c_out)

    def forward(self, x: Tensor, channels: int) -> Tensor:
        """Return the first ``channels`` output channels for ``x`` [B, at most c_in, height, width]."""
        return F.relu(self.norm(self.conv(x, channels)))


class NASBench101Cell(nn.Module):
    """A graph of operations: a vertex adds up its inputs, and the output concatenates them.

    Every edge from the input, to the output too, has its own 1×1 projection. With ``only`` a graph, only its
    parts are built, at the widths it needs; else all parts at full width.
    """

    def __init__(self, c_in: int, width: int, only: CellGraph | None):
        super().__init__()
        if only is None:
            inner = range(1, VERTICES - 1)
            projected = {str(vertex): width for vertex in inner}
            operated = {_key(vertex, name): (width, name) for vertex in inner for name in KERNELS}
        else:
            channels = vertex_channels(only, width)
            targets = [b for a, b in only.edges if a == 0 and b < only.vertices - 1]
            projected = {str(vertex): channels[vertex] for vertex in targets}
            named = [(v, OPERATIONS[choice]) for v, choice in enumerate(only.operations, start=1)]
            operated = {_key(v, name): (channels[v], name) for v, name in named if name in KERNELS}
        if only is None or (0, only.vertices - 1) in only.edges:
            projected["output"] = width
        self._width = width
        self.projections = nn.ModuleDict({key: ConvNormReLU(c_in, c, 1) for key, c in projected.items()})
        self.operations = nn.ModuleDict(
            {key: ConvNormReLU(c, c, KERNELS[name]) for key, (c, name) in operated.items()}
        )

    def forward(self, x: Tensor, cell: CellGraph) -> Tensor:
        channels = vertex_channels(cell, self._width)
        last = cell.vertices - 1
        values = [x]
        for vertex in range(1, last):
            count, name = channels[vertex], OPERATIONS[cell.operations[vertex - 1]]
            terms = [
                values[source][:, :count] if source > 0 else self.projections[str(vertex)](x, count)
                for source in cell.sources(vertex)
            ]
            value = sum(terms[1:], start=terms[0])
            if name in KERNELS:
                value = self.operations[_key(vertex, name)](value, count)
            else:
                value = F.max_pool2d(value, 3, stride=1, padding=1)
            values.append(value)
        ends = cell.sources(last)
        terms = [torch.cat([values[vertex] for vertex in ends if vertex > 0], 1)] if max(ends) > 0 else []
        if 0 in ends:
            terms.append(self.projections["output"](x, self._width))
        return sum(terms[1:], start=terms[0])


def _key(vertex: int, operation: str) -> str:
    return f"{vertex}:{operation}"


class NASBench101Network(SuperNet):
    """The super-net, or the benchmark's network of the architecture ``only``.

    In the super-net every vertex has all operations at the full width of its cell. An architecture that needs
    fewer channels uses the first ones.
    """

    of_space = NASBench101

    def __init__(
        self, config: Config, space: NASBench101, shape: InputShape, outputs: int, only: Arch | None = None
    ):
        super().__init__()
        self._parts, self._space = (config, space, shape, outputs), space
        cell = None if only is None else space.cell(only)
        widths = [config.channels * 2**stack for stack in range(STACKS)]
        self.stem = ConvNormReLU(shape.channels, widths[0], 3)
        self.stacks = nn.ModuleList()
        c_in = widths[0]
        for width in widths:
            inputs = [c_in] + [width] * (config.cells - 1)
            self.stacks.append(nn.ModuleList(NASBench101Cell(c, width, cell) for c in inputs))
            c_in = width
        if only is None and not config.affine:
            remove_affine(self.stacks)
        self.classifier = nn.Linear(c_in, outputs)
        self._width = widths[0]

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        if not isinstance(choice, Arch):
            raise TypeError("this super-net evaluates paths only, such as study.space.parse(text)")
        cell = self._space.cell(choice)
        x = self.stem(x, self._width)
        for number, stack in enumerate(self.stacks):
            if number > 0:
                # Rounded up, so that odd sizes work.
                x = F.max_pool2d(x, 2, stride=2, ceil_mode=True)
            for module in stack.children():
                x = module(x, cell)
        return self.classifier(x.mean((2, 3)))

    def standalone(self, arch: Arch) -> Standalone:
        return Standalone(NASBench101Network(*self._parts, only=arch), arch)

    def extract(self, arch: Arch) -> Standalone:
        """Return the stand-alone network of ``arch`` with the first channels of the super-net's weights."""
        alone = self.standalone(arch)
        state, own = self.state_for(alone), alone.net.state_dict()
        alone.net.load_state_dict(
            {key: value[tuple(map(slice, own[key].shape))] for key, value in state.items()}
        )
        return alone
