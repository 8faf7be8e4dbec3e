"""The DARTS network for small images: stem, normal cells, and reduction cells at a third and two thirds.

Source: Liu, Simonyan, Yang, ICLR 2019, sections 3.1 and 3.2, and its released network. Auxiliary head and
drop path: Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition", CVPR 2018.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
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
    batch_norm,
    check_partial,
)
from lmreg.network.mixture import Choice, Mixture, terms
from lmreg.space.base import Arch
from lmreg.space.darts import DARTS, EDGES, INPUTS, NODES, NONE, OPERATIONS

STEM = 3
"""Channels of the stem per channel of the first cells."""

Drop = Callable[[Tensor], Tensor]
"""Drop path: zeroes an operation's output for some images of a batch."""


@dataclass
class Config:
    channels: int = option(
        8, min=2, help="of each node in the first cells; each reduction doubles them (the paper: 36)"
    )
    # Of fewer than 3 cells none would be a normal one.
    cells: int = option(3, min=3, help="cells in all, two of them reduction cells (the paper: 20)")
    auxiliary: float = option(
        0.0, min=0, help="weight of an auxiliary head's loss in stand-alone training; 0: no such head"
    )
    drop_path: float = option(
        0.0, min=0, max=0.99, help="chance to drop an edge at the end of stand-alone training"
    )


def drop_path(value: Tensor, chance: float, noise: torch.Generator) -> Tensor:
    """``value`` [B, channels, height, width] with each image zeroed by that chance; the mean stays."""
    kept = torch.empty(len(value), 1, 1, 1, device=value.device).bernoulli_(1 - chance, generator=noise)
    return value * (kept / (1 - chance))


class FactorizedReduce(nn.Module):
    """Halves the resolution, rounding up, by two 1×1 convolutions on pixels diagonally beside each other."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        half = c_out // 2
        self.even = nn.Conv2d(c_in, half, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(c_in, c_out - half, 1, stride=2, bias=False)
        self.norm = batch_norm(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x)
        height, width = x.shape[2:]
        # Of odd sizes the second convolution lacks a last pixel, which counts as zero.
        shifted = F.pad(x, (0, width % 2, 0, height % 2))[:, :, 1:, 1:]
        return self.norm(torch.cat([self.even(x), self.odd(shifted)], 1))


def _relu_conv_norm(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(nn.ReLU(), nn.Conv2d(c_in, c_out, 1, bias=False), batch_norm(c_out))


def _separable(channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """ReLU, depthwise and 1×1 convolution, normalisation."""
    padding = dilation * (kernel // 2)
    depthwise = nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)
    return nn.Sequential(
        nn.ReLU(), depthwise, nn.Conv2d(channels, channels, 1, bias=False), batch_norm(channels)
    )


def _scaled(channels: int) -> nn.Module:
    """Brings what a pool gives to the scale of the other operations, without parameters.

    DARTS does so in mixtures and leaves it out of the networks that it trains alone; here a path has it
    too, and so has its stand-alone network, or a path of the trained super-net would not be what was trained.
    """
    return nn.BatchNorm2d(channels, affine=False, track_running_stats=False)


def _operation(name: str, channels: int, stride: int) -> nn.Module:
    kernel = int(name[-1]) if name[-1].isdigit() else 0
    if name.startswith("sep_conv"):
        return nn.Sequential(_separable(channels, kernel, stride), _separable(channels, kernel))
    if name.startswith("dil_conv"):
        return _separable(channels, kernel, stride, dilation=2)
    if name == "max_pool_3x3":
        return nn.Sequential(nn.MaxPool2d(3, stride, padding=1), _scaled(channels))
    if name == "avg_pool_3x3":
        return nn.Sequential(nn.AvgPool2d(3, stride, padding=1, count_include_pad=False), _scaled(channels))
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)


class Edge(nn.ModuleDict):
    """The operations offered between two nodes, by name.

    With ``partial`` = k they see the first 1/k of the channels; the others pass by, max-pooled where the
    edge reduces, and all are shuffled (PC-DARTS, Xu et al., ICLR 2020, and its released code).
    """

    def __init__(self, channels: int, stride: int, offered: Sequence[int], partial: int):
        seen = channels // partial
        names = [OPERATIONS[choice] for choice in offered if choice != NONE]
        super().__init__({name: _operation(name, seen, stride) for name in names})
        self._seen, self._stride, self._partial = seen, stride, partial

    def forward(
        self, x: Tensor, weighted: list[tuple[int, Tensor | None]], drop: Drop | None
    ) -> Tensor | None:
        """The weighted sum of operations on ``x`` [B, channels, height, width]; None where it is zero.

        Args:
            weighted: operations with their weights, see `lmreg.network.mixture.terms`.
        """
        whole = self._partial == 1
        part = x if whole else x[:, : self._seen]
        values = [self._value(part, OPERATIONS[c], weight, drop) for c, weight in weighted if c != NONE]
        total = sum(values[1:], start=values[0]) if values else None
        if whole or weighted == [(NONE, None)]:  # a path without this edge lacks its by-pass, too
            return total
        rest = x[:, self._seen :]
        if self._stride > 1:
            rest = F.max_pool2d(rest, 2, self._stride, ceil_mode=True)
        if total is None:
            total = rest.new_zeros(len(rest), self._seen, *rest.shape[2:])
        return F.channel_shuffle(torch.cat([total, rest], 1), self._partial)

    def _value(self, x: Tensor, name: str, weight: Tensor | None, drop: Drop | None) -> Tensor:
        operation = self[name]
        value = operation(x)
        if drop is not None and not isinstance(operation, nn.Identity):
            value = drop(value)
        return value if weight is None else weight * value


class Cell(nn.Module):
    """Four nodes, each the sum of its edges' operations on earlier ones; joined, they are the output.

    Args:
        c_in: channels of the last cell but one, and of the last.
        after_reduction: whether the last cell reduced, so that the one before it has twice the resolution.
    """

    def __init__(
        self,
        c_in: tuple[int, int],
        channels: int,
        reduction: bool,
        after_reduction: bool,
        offered: Sequence[Sequence[int]],
        partial: int,
    ):
        super().__init__()
        first = FactorizedReduce if after_reduction else _relu_conv_norm
        self.inputs = nn.ModuleList([first(c_in[0], channels), _relu_conv_norm(c_in[1], channels)])
        self._stride = 2 if reduction else 1
        self._decisions = range(len(EDGES), 2 * len(EDGES)) if reduction else range(len(EDGES))
        self.edges = nn.ModuleList(
            Edge(channels, self._stride if source < INPUTS else 1, offered[d], partial)
            for d, (source, _) in zip(self._decisions, EDGES, strict=True)
        )

    def forward(self, before_last: Tensor, last: Tensor, choice: Choice, drop: Drop | None) -> Tensor:
        nodes: list[Tensor] = [self.inputs[0](before_last), self.inputs[1](last)]
        factors = choice.edges if isinstance(choice, Mixture) else None
        into: dict[int, list[Tensor]] = {}
        for d, (source, target), edge in zip(self._decisions, EDGES, self.edges, strict=True):
            if source == 0 and target > INPUTS:
                nodes.append(self._sum(into.get(target - 1, []), nodes[0]))
            value = edge(nodes[source], terms(choice, d), drop)
            if value is not None:
                value = value if factors is None else factors[d] * value
                into.setdefault(target, []).append(value)
        nodes.append(self._sum(into.get(INPUTS + NODES - 1, []), nodes[0]))
        return torch.cat(nodes[INPUTS:], 1)

    def _sum(self, values: list[Tensor], like: Tensor) -> Tensor:
        if values:
            return sum(values[1:], start=values[0])
        height, width = (-(-size // self._stride) for size in like.shape[2:])
        return like.new_zeros(*like.shape[:2], height, width)


class AuxiliaryHead(nn.Sequential):
    """A second classifier on what the last reduction cell gives, for training only.

    Pools 8×8 pixels to 2×2 as the original does, other sizes alike.
    """

    def __init__(self, channels: int, size: tuple[int, int], outputs: int):
        windows = [min(-(-5 * side // 8), max(1, side - 1)) for side in size]
        strides = [max(1, side - window) for side, window in zip(size, windows, strict=True)]
        pool = nn.AvgPool2d(tuple(windows), tuple(strides))  # type: ignore[arg-type]
        kernel = (min(2, size[0]), min(2, size[1]))
        super().__init__(
            *(nn.ReLU(), pool, nn.Conv2d(channels, 128, 1, bias=False), batch_norm(128)),
            *(nn.ReLU(), nn.Conv2d(128, 768, kernel, bias=False), batch_norm(768)),
            *(nn.ReLU(), nn.Flatten(), nn.Linear(768, outputs)),
        )


class Network(SuperNet):
    """The super-net, or with one option offered per edge the network of one architecture.

    With ``partial`` = k the edges' operations see 1/k of the channels, see `Edge`.
    """

    offers = frozenset({MIXTURES, PARTIAL_CHANNELS})
    of_space = DARTS

    def __init__(
        self,
        config: Config,
        space: DARTS,
        shape: InputShape,
        outputs: int,
        offered: Sequence[Sequence[int]] | None = None,
        partial: int = 1,
        head: bool = False,
    ):
        super().__init__()
        self._config, self._parts = config, (config, space, shape, outputs)
        check_partial(config.channels, partial)
        offered = offered or [range(len(names)) for names in space.options]
        width = config.channels
        stem = nn.Conv2d(shape.channels, STEM * width, 3, padding=1, bias=False)
        self.stem = nn.Sequential(stem, batch_norm(STEM * width))
        self.cells = nn.ModuleList()
        c_in, reduced = (STEM * width, STEM * width), False
        reductions = (config.cells // 3, 2 * config.cells // 3)
        for number in range(config.cells):
            reduction = number in reductions
            width *= 2 if reduction else 1
            self.cells.append(Cell(c_in, width, reduction, reduced, offered, partial))
            c_in, reduced = (c_in[1], NODES * width), reduction
        self.classifier = nn.Linear(c_in[1], outputs)
        self._headed = reductions[1]
        # The last to be made: the other weights start as they would without it.
        size = (-(-shape.height // 4), -(-shape.width // 4))
        self.head = AuxiliaryHead(c_in[1], size, outputs) if head else None

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        return self._outputs(x, choice, None)[0]

    def training_outputs(
        self, x: Tensor, arch: Arch, progress: float, noise: torch.Generator
    ) -> list[tuple[float, Tensor]]:
        """Outputs under drop path, whose chance grows linearly over the training, and those of the
        auxiliary head."""
        chance = progress * self._config.drop_path
        drop = functools.partial(drop_path, chance=chance, noise=noise) if chance > 0 else None
        outputs = self._outputs(x, arch, drop)
        return list(zip((1.0, self._config.auxiliary), outputs, strict=False))

    def _outputs(self, x: Tensor, choice: Choice, drop: Drop | None) -> list[Tensor]:
        """Those of the classifier and, where there is one, of the auxiliary head."""
        before_last = last = self.stem(x)
        outputs = []
        for number, cell in enumerate(self.cells):
            before_last, last = last, cell(before_last, last, choice, drop)
            if number == self._headed and self.head is not None:
                outputs.append(self.head(last))
        return [self.classifier(last.mean((2, 3))), *outputs]

    def standalone(self, arch: Arch) -> Standalone:
        return self._only(arch, head=False)

    def for_training(self, arch: Arch) -> Standalone:
        return self._only(arch, head=self._config.auxiliary > 0)

    def _only(self, arch: Arch, head: bool) -> Standalone:
        offered = [[choice] for choice in arch.choices]
        return Standalone(Network(*self._parts, offered=offered, head=head), arch)
