"""The network of chains of MobileNetV2 blocks.

Source: Cai, Zhu, Han, "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware", ICLR
2019; the skeleton is that of Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
CVPR 2018, table 2.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from torch import nn

from lmreg.config.schema import option
from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.network.chain import ChainNetwork, InvertedResidual, Layer, conv_norm
from lmreg.network.mixture import Offered
from lmreg.space.mbconv import BLOCKS, MBConv


@dataclass
class Config:
    channels: int = option(16, min=2, help="channels of the stem; its block halves them (MobileNetV2: 32)")
    stem_stride: int = option(
        1, min=1, max=2, help="stride of the stem; 2 halves the resolution, for large images"
    )
    widths: list[int] = option([16, 24, 40], help="channels of each stage")
    strides: list[int] = option([2, 2, 1], help="stride of each stage's first layer; 2 halves the resolution")
    head: int = option(160, min=1, help="channels of the last convolution (MobileNetV2: 1280)")

    def __post_init__(self) -> None:
        if min(self.widths, default=0) < 1:
            raise ValueError(f"widths={self.widths} must have a number of at least 1 for each stage")
        if set(self.strides) - {1, 2}:
            raise ValueError(f"strides={self.strides} must be 1 or 2 for each stage")


def _block(name: str, c_in: int, c_out: int, stride: int) -> nn.Module:
    if name not in BLOCKS:
        return nn.Identity()
    expansion, kernel = BLOCKS[name]
    return InvertedResidual(c_in, c_out, kernel, expansion, stride)


class MBConvNetwork(ChainNetwork):
    """The super-net, or with one option offered per layer the network of one architecture."""

    of_space = MBConv

    def __init__(
        self, config: Config, space: MBConv, shape: InputShape, outputs: int, offered: Offered = None
    ):
        super().__init__()
        self._parts = (config, space, shape, outputs)
        for key, given in (("widths", config.widths), ("strides", config.strides)):
            if len(given) != len(space.depths):
                raise LmregError(
                    f"network.{key}={given} are {len(given)} numbers; give one for each of the "
                    f"{len(space.depths)} stages of space.depths={list(space.depths)}"
                )
        offered = offered or [range(len(names)) for names in space.options]
        c_in = config.channels // 2
        self.stem = nn.Sequential(
            conv_norm(shape.channels, config.channels, 3, config.stem_stride),
            InvertedResidual(config.channels, c_in, kernel=3, expansion=1, stride=1),
        )
        self.layers = nn.ModuleList()
        for depth, width, first in zip(space.depths, config.widths, config.strides, strict=True):
            for stride in (first, *[1] * (depth - 1)):
                build = functools.partial(_block, c_in=c_in, c_out=width, stride=stride)
                place = len(self.layers)
                self.layers.append(Layer(space.options[place], offered[place], build))
                c_in = width
        self.head = conv_norm(c_in, config.head)
        self.classifier = nn.Linear(config.head, outputs)
