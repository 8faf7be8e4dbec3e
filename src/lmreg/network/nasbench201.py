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
from lmreg.network.base import Standalone, SuperNet
from lmreg.space.base import Arch
from lmreg.space.nasbench201 import EDGES, NODES, OPERATIONS, NASBench201

STAGES = 3


@dataclass
class Config:
    channels: int = option(8, min=1, help="channels of the first stage; each later stage doubles them")
    cells: int = option(1, min=1, help="cells per stage (the benchmark has 5)")


def _norm(channels: int) -> nn.Module:
    # Batch statistics in training and in scoring: running ones would mix those of all paths.
    return nn.BatchNorm2d(channels, track_running_stats=False)


def _relu_conv_norm(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, _norm(c_out))


def _operation(name: str, channels: int) -> nn.Module:
    if name == "nor_conv_1x1":
        return _relu_conv_norm(channels, channels, 1)
    if name == "nor_conv_3x3":
        return _relu_conv_norm(channels, channels, 3)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return nn.Identity()  # skip_connect; `none` is never called


class Cell(nn.Module):
    """Four nodes; each is the sum of its incoming edges' operations on earlier nodes."""

    def __init__(self, channels: int, offered: Sequence[Sequence[int]]):
        super().__init__()
        self.edges = nn.ModuleList(
            nn.ModuleDict({OPERATIONS[c]: _operation(OPERATIONS[c], channels) for c in choices})
            for choices in offered
        )

    def forward(self, x: Tensor, arch: Arch) -> Tensor:
        nodes: list[Tensor | None] = [x] + [None] * (NODES - 1)
        for (source, target), edge, choice in zip(EDGES, self.edges, arch.choices, strict=True):
            name = OPERATIONS[choice]
            if name == "none":
                continue
            if nodes[source] is None:
                nodes[source] = torch.zeros_like(x)
            value = edge.get_submodule(name)(nodes[source])
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
    """The super-net, or with one option offered per edge the network of one architecture."""

    def __init__(
        self,
        config: Config,
        space: NASBench201,
        shape: InputShape,
        outputs: int,
        offered: Sequence[Sequence[int]] | None = None,
    ):
        super().__init__()
        self._parts = (config, space, shape, outputs)
        offered = offered or [range(len(names)) for names in space.options]
        widths = [config.channels * 2**stage for stage in range(STAGES)]
        stem = nn.Conv2d(shape.channels, widths[0], 3, padding=1, bias=False)
        self.stem = nn.Sequential(stem, _norm(widths[0]))
        self.body = nn.ModuleList()
        for stage, width in enumerate(widths):
            if stage > 0:
                self.body.append(ResidualBlock(widths[stage - 1], width))
            self.body.extend(Cell(width, offered) for _ in range(config.cells))
        self.norm = _norm(widths[-1])
        self.classifier = nn.Linear(widths[-1], outputs)

    def forward(self, x: Tensor, arch: Arch) -> Tensor:
        x = self.stem(x)
        for block in self.body:
            x = block(x, arch) if isinstance(block, Cell) else block(x)
        return self.classifier(F.relu(self.norm(x)).mean((2, 3)))

    def standalone(self, arch: Arch) -> Standalone:
        return Standalone(Network(*self._parts, offered=[[c] for c in arch.choices]), arch)
