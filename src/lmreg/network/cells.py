"""Networks of normal and reduction cells for small images, and the operations that their cells have.

Source: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, sections 3.1 and 3.2,
and its released network. Auxiliary head and drop path: Zoph et al., "Learning Transferable Architectures for
Scalable Image Recognition", CVPR 2018.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmreg.config.schema import inherit, option
from lmreg.data.base import InputShape
from lmreg.network.base import Pointwise, Standalone, SuperNet, SuperNetOnly, batch_norm
from lmreg.network.mixture import Choice
from lmreg.space.base import Arch

STEM = 3
"""Channels of the stem per channel of the first cells."""

Drop = Callable[[Tensor], Tensor]
"""Drop path: zeroes an operation's output for some images of a batch."""


@dataclass
class Config(SuperNetOnly):
    channels: int = option(
        8,
        min=2,
        help="channels of each node in the first cells; each of the two reductions doubles them (DARTS: 36)",
    )
    # With fewer than 3 cells there would be no normal one.
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
    """``value`` [B, channels, height, width] with each image zeroed by that chance; the mean stays."""
    kept = torch.empty(len(value), 1, 1, 1, device=value.device).bernoulli_(1 - chance, generator=noise)
    return value * (kept / (1 - chance))


class FactorizedReduce(nn.Module):
    """Halves the resolution, rounding up, by two 1×1 convolutions on pixels diagonally beside each other."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        half = c_out // 2
        self.even = Pointwise(c_in, half, stride=2)
        self.odd = Pointwise(c_in, c_out - half, stride=2)
        self.norm = batch_norm(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x)
        height, width = x.shape[2:]
        # Of odd sizes the second convolution lacks a last pixel, which counts as zero.
        shifted = F.pad(x, (0, width % 2, 0, height % 2))[:, :, 1:, 1:]
        return self.norm(torch.cat([self.even(x), self.odd(shifted)], 1))


def _convolution(c_in: int, c_out: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    """ReLU, convolution, normalisation."""
    conv: nn.Conv2d
    if kernel == 1:
        conv = Pointwise(c_in, c_out, stride)
    else:
        conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, batch_norm(c_out))


def _factorised(channels: int, kernel: int, stride: int) -> nn.Sequential:
    """ReLU, a convolution along rows and one along columns, normalisation."""
    half = kernel // 2
    rows = nn.Conv2d(channels, channels, (1, kernel), (1, stride), padding=(0, half), bias=False)
    columns = nn.Conv2d(channels, channels, (kernel, 1), (stride, 1), padding=(half, 0), bias=False)
    return nn.Sequential(nn.ReLU(), rows, columns, batch_norm(channels))


def _separable(channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """ReLU, depthwise and 1×1 convolution, normalisation."""
    padding = dilation * (kernel // 2)
    depthwise = nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)
    return nn.Sequential(
        nn.ReLU(), depthwise, nn.Conv2d(channels, channels, 1, bias=False), batch_norm(channels)
    )


def _scaled(pool: nn.Module, channels: int) -> nn.Module:
    """A pool brought to the scale of the other operations, without parameters.

    DARTS does so in mixtures and leaves it out of the networks that it trains alone; here a path has it
    too, and so has its stand-alone network, or a path of the trained super-net would not be what was trained.
    """
    return nn.Sequential(pool, nn.BatchNorm2d(channels, affine=False, track_running_stats=False))


def operation(name: str, channels: int, stride: int) -> nn.Module:
    """An operation other than `none`, such as ``sep_conv_3x3``, ``conv_7x1_1x7`` or ``skip_connect``.

    Of [B, channels, height, width] it makes as many channels at 1/stride of the resolution, rounded up.
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
    build = _factorised if "x1" in kind else functools.partial(_convolution, channels)
    return build(channels, kernel, stride)


def applied(module: nn.Module, x: Tensor, drop: Drop | None) -> Tensor:
    """What an operation makes of ``x``, under drop path unless it is the identity."""
    value = module(x)
    return value if drop is None or isinstance(module, nn.Identity) else drop(value)


class Cell(nn.Module, ABC):
    """Nodes that are sums of operations on earlier ones; some or all of them, joined, are the output.

    Args:
        c_in: channels of the last cell but one, and of the last.
        channels: of each node.
        after_reduction: whether the last cell reduced, so that the one before it has twice the resolution.
        joined: number of nodes that are the output.
    """

    def __init__(
        self, c_in: tuple[int, int], channels: int, reduction: bool, after_reduction: bool, joined: int
    ):
        super().__init__()
        first = FactorizedReduce if after_reduction else _convolution
        self.inputs = nn.ModuleList([first(c_in[0], channels), _convolution(c_in[1], channels)])
        self.stride = 2 if reduction else 1
        self.c_out = joined * channels

    @abstractmethod
    def forward(self, before_last: Tensor, last: Tensor, choice: Choice, drop: Drop | None) -> Tensor:
        """The output [B, c_out, height, width], of half the inputs' resolution in a reduction cell."""

    def total(self, values: list[Tensor], like: Tensor) -> Tensor:
        """A node, the sum of ``values``; zeros without any, their shape from an input of the cell."""
        if values:
            return sum(values[1:], start=values[0])
        height, width = (-(-size // self.stride) for size in like.shape[2:])
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


class CellNetwork(SuperNet):
    """Stem, normal cells, reduction cells at a third and two thirds of them, global pooling, classifier.

    Args:
        build: makes a cell from its first four arguments, see `Cell`.
        head: whether there is an auxiliary head.
    """

    def __init__(
        self,
        config: Config,
        shape: InputShape,
        outputs: int,
        build: Callable[[tuple[int, int], int, bool, bool], Cell],
        head: bool,
    ):
        super().__init__()
        self._config = config
        width = config.channels
        stem = nn.Conv2d(shape.channels, STEM * width, 3, padding=1, bias=False)
        self.stem = nn.Sequential(stem, batch_norm(STEM * width))
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
        self.classifier = nn.Linear(c_in[1], outputs)
        self._headed = reductions[1]
        # The last to be made: the other weights start as they would without it.
        size = (-(-shape.height // 4), -(-shape.width // 4))
        self.head = AuxiliaryHead(headed, size, outputs) if head else None

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
        return Standalone(self.only(arch, head=False), arch)

    def for_training(self, arch: Arch) -> Standalone:
        return Standalone(self.only(arch, head=self._config.auxiliary > 0), arch)

    @abstractmethod
    def only(self, arch: Arch, head: bool) -> SuperNet:
        """The network with the parts of ``arch`` only, and with an auxiliary head or without."""
