"""Networks of normal and reduction cells for small images, and the operations of their cells.

Source: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, sections 3.1 and 3.2,
and its released network. Auxiliary head and drop path: Zoph et al., "Learning Transferable Architectures for
Scalable Image Recognition", CVPR 2018.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmreg.config.schema import inherit, option
from lmreg.data.base import InputShape
from lmreg.network.base import (
    Pointwise,
    Standalone,
    SuperNet,
    SuperNetOnly,
    batch_norm,
    convolution,
    relu_conv_norm,
    remove_affine,
)
from lmreg.network.edge import Drop
from lmreg.network.mixture import Choice
from lmreg.space.base import Arch, Space

STEM = 3
"""Channels of the stem per channel of the first cells."""


@dataclass
class Config(SuperNetOnly):
    channels: int = option(
        8,
        min=2,
        help="channels of each node in the first cells; each of the two reductions doubles them (DARTS: 36)",
    )
    # With fewer than 3 cells there would be no normal cell.
    cells: int = option(3, min=3, help="cells in all, two of them reduction cells (DARTS: 20)")
    auxiliary: float = option(
        0.0,
        min=0,
        help="weight of an auxiliary head's loss in stand-alone training; 0: no such head (DARTS: 0.4)",
    )
    drop_path: float = option(
        0.0, min=0, max=0.99, help="chance to drop an edge at the end of stand-alone training (DARTS: 0.2)"
    )
    affine: bool = inherit(
        SuperNetOnly,
        "affine",
        False,
        help="scale and shift in the batch norms of the super-net's cells, with which the weights can undo "
        "what an alpha says (DARTS: none); networks trained alone always have them",
    )


def drop_path(value: Tensor, chance: float, noise: torch.Generator) -> Tensor:
    """Zero each image of ``value`` [B, channels, height, width] by ``chance``; the mean stays."""
    kept = torch.empty(len(value), 1, 1, 1, device=value.device).bernoulli_(1 - chance, generator=noise)
    return value * (kept / (1 - chance))


class FactorizedReduce(nn.Module):
    """Halves the resolution, rounded up, by two 1×1 convolutions on diagonally adjacent pixels."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        half = c_out // 2
        self.even = Pointwise(c_in, half, stride=2)
        self.odd = Pointwise(c_in, c_out - half, stride=2)
        self.norm = batch_norm(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x)
        height, width = x.shape[2:]
        # With odd sizes the second convolution lacks a last pixel, which counts as zero.
        shifted = F.pad(x, (0, width % 2, 0, height % 2))[:, :, 1:, 1:]
        return self.norm(torch.cat([self.even(x), self.odd(shifted)], 1))


def _factorised(channels: int, kernel: int, stride: int) -> nn.Sequential:
    """Return ReLU, a convolution along rows and one along columns, normalisation."""
    half = kernel // 2
    rows = nn.Conv2d(channels, channels, (1, kernel), (1, stride), padding=(0, half), bias=False)
    columns = nn.Conv2d(channels, channels, (kernel, 1), (stride, 1), padding=(half, 0), bias=False)
    return nn.Sequential(nn.ReLU(), rows, columns, batch_norm(channels))


def _separable(channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Return ReLU, depthwise and 1×1 convolution, normalisation."""
    padding = dilation * (kernel // 2)
    depthwise = nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)
    return nn.Sequential(nn.ReLU(), depthwise, convolution(channels, channels), batch_norm(channels))


def _scaled(pool: nn.Module, channels: int) -> nn.Module:
    """Return ``pool`` and a normalisation without parameters, for a scale like the other operations'.

    DARTS does this in mixtures but not in stand-alone networks. Here paths and stand-alone networks have it
    too, so that a path of the super-net is what was trained.
    """
    return nn.Sequential(pool, nn.BatchNorm2d(channels, affine=False, track_running_stats=False))


def operation(name: str, channels: int, stride: int) -> nn.Module:
    """Return an operation other than `none`, such as ``sep_conv_3x3``, ``conv_7x1_1x7`` or ``skip_connect``.

    It keeps [B, channels, ...] and divides height and width by ``stride``, rounded up.
    """
    kind, _, size = name.rpartition("_")
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
    kernel = int(size[-1])
    dilation = 2 if kind.startswith("dil") else 1
    if kind in ("sep_conv", "dil_sep_conv"):
        first = _separable(channels, kernel, stride, dilation)
        return nn.Sequential(first, _separable(channels, kernel, dilation=dilation))
    if kind == "dil_conv":
        return _separable(channels, kernel, stride, dilation)
    if kind == "max_pool":
        return _scaled(nn.MaxPool2d(kernel, stride, padding=kernel // 2), channels)
    if kind == "avg_pool":
        pool = nn.AvgPool2d(kernel, stride, padding=kernel // 2, count_include_pad=False)
        return _scaled(pool, channels)
    build = _factorised if "x1" in kind else functools.partial(relu_conv_norm, channels)
    return build(channels, kernel, stride)


class TwoInputCell(nn.Module, ABC):
    """A cell on the outputs of the last two cells: its nodes are sums of operations on earlier nodes.

    Args:
        c_in: channels of the last cell but one, and of the last cell.
        channels: channels of each node.
        after_reduction: whether the last cell reduced, so that the one before has twice its resolution.
        joined: number of nodes that are concatenated to the output.
    """

    def __init__(
        self, c_in: tuple[int, int], channels: int, reduction: bool, after_reduction: bool, joined: int
    ):
        super().__init__()
        first = FactorizedReduce if after_reduction else relu_conv_norm
        self.inputs = nn.ModuleList([first(c_in[0], channels), relu_conv_norm(c_in[1], channels)])
        self.stride = 2 if reduction else 1
        self.c_out = joined * channels

    @abstractmethod
    def forward(self, before_last: Tensor, last: Tensor, choice: Choice, drop: Drop | None) -> Tensor:
        """Return the output [B, c_out, height, width], at half the resolution in a reduction cell."""

    def node(self, values: list[Tensor], like: Tensor) -> Tensor:
        """Return a node, the sum of ``values``; without any, zeros shaped by ``like``, a cell's input."""
        if values:
            return sum(values[1:], start=values[0])
        height, width = (-(-size // self.stride) for size in like.shape[2:])
        return like.new_zeros(*like.shape[:2], height, width)


class AuxiliaryHead(nn.Sequential):
    """A second classifier on the output of the last reduction cell, for training only.

    It pools 8×8 pixels to 2×2 as the original does, and other sizes in proportion.
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


class CellNetwork(SuperNet):
    """Stem, normal cells with reduction cells at one and two thirds of them, global pooling, classifier.

    Args:
        parts: the first four arguments of the subclass.
        build: builds a cell from the first four arguments of `TwoInputCell`.
        only: the architecture whose network this is; None for the super-net.
        head: whether there is an auxiliary head.
    """

    def __init__(
        self,
        parts: tuple[Config, Space, InputShape, int],
        build: Callable[[tuple[int, int], int, bool, bool], TwoInputCell],
        only: Arch | None,
        head: bool,
    ):
        super().__init__()
        self._parts: tuple[Any, ...] = parts
        self._config, _, shape, outputs = parts
        config = self._config
        width = config.channels
        self.stem = nn.Sequential(convolution(shape.channels, STEM * width, 3), batch_norm(STEM * width))
        self.cells = nn.ModuleList()
        c_in, reduced = (STEM * width, STEM * width), False
        reductions = (config.cells // 3, 2 * config.cells // 3)
        for number in range(config.cells):
            reduction = number in reductions
            width *= 2 if reduction else 1
            cell = build(c_in, width, reduction, reduced)
            self.cells.append(cell)
            c_in, reduced = (c_in[1], cell.c_out), reduction
            if number == reductions[1]:
                headed = cell.c_out
        if only is None and not config.affine:
            remove_affine(self.cells)
        self.classifier = nn.Linear(c_in[1], outputs)
        self._headed = reductions[1]
        # Built last, so that the other weights are initialised as they would be without it.
        size = (-(-shape.height // 4), -(-shape.width // 4))
        self.head = AuxiliaryHead(headed, size, outputs) if head else None

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        return self._outputs(x, choice, None)[0]

    def training_outputs(
        self, x: Tensor, arch: Arch, progress: float, noise: torch.Generator
    ) -> list[tuple[float, Tensor]]:
        """Return the classifier's and the auxiliary head's outputs, with drop path whose probability grows
        linearly during training."""
        chance = progress * self._config.drop_path
        drop = functools.partial(drop_path, chance=chance, noise=noise) if chance > 0 else None
        outputs = self._outputs(x, arch, drop)
        return list(zip((1.0, self._config.auxiliary), outputs, strict=False))

    def _outputs(self, x: Tensor, choice: Choice, drop: Drop | None) -> list[Tensor]:
        """Return the outputs of the classifier and, if there is one, of the auxiliary head."""
        before_last = last = self.stem(x)
        outputs = []
        for number, cell in enumerate(self.cells):
            before_last, last = last, cell(before_last, last, choice, drop)
            if number == self._headed and self.head is not None:
                outputs.append(self.head(last))
        return [self.classifier(last.mean((2, 3))), *outputs]

    def standalone(self, arch: Arch) -> Standalone:
        return self._alone(arch, head=False)

    def for_training(self, arch: Arch) -> Standalone:
        return self._alone(arch, head=self._config.auxiliary > 0)

    def _alone(self, arch: Arch, **options: Any) -> Standalone:
        network: Any = type(self)  # whose arguments are those of a subclass
        return Standalone(network(*self._parts, only=arch, **options), arch)
