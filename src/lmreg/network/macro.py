"""The NAS-Bench-Macro network: stem, 8 layers in three stages, a wide 1×1 convolution, classifier.

Source: Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021, and the
benchmark's definition in its repository.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from torch import nn

from lmreg.config.schema import option
from lmreg.data.base import InputShape
from lmreg.network.chain import ChainNetwork, InvertedResidual, Layer, conv_norm
from lmreg.network.mixture import Offered
from lmreg.space.macro import OPERATIONS, STAGES, NASBenchMacro

HEAD = 40
"""Channels of the last convolution per channel of the stem: 1280 for the benchmark's 32."""


@dataclass
class Config:
    channels: int = option(
        8, min=1, help="channels of the stem; each of the three stages doubles them (the benchmark: 32)"
    )


def _operation(name: str, c_in: int, c_out: int, stride: int) -> nn.Module:
    if name == "mb3_k3":
        return InvertedResidual(c_in, c_out, 3, 3, stride)
    if name == "mb6_k5":
        return InvertedResidual(c_in, c_out, 5, 6, stride)
    if c_in == c_out and stride == 1:
        return nn.Identity()
    return conv_norm(c_in, c_out, stride=stride, relu=False)


class NASBenchMacroNetwork(ChainNetwork):
    """The super-net, or with one option offered per layer the network of one architecture."""

    of_space = NASBenchMacro

    def __init__(
        self, config: Config, space: NASBenchMacro, shape: InputShape, outputs: int, offered: Offered = None
    ):
        super().__init__()
        self._parts = (config, space, shape, outputs)
        offered = offered or [range(len(names)) for names in space.options]
        width = config.channels
        self.stem = conv_norm(shape.channels, width, 3)
        self.layers = nn.ModuleList()
        # A layer that halves the resolution doubles the channels.
        for stride in (s for layers in STAGES for s in (2, *[1] * (layers - 1))):
            build = functools.partial(_operation, c_in=width, c_out=stride * width, stride=stride)
            self.layers.append(Layer(OPERATIONS, offered[len(self.layers)], build))
            width *= stride
        self.head = conv_norm(width, HEAD * config.channels)
        self.classifier = nn.Linear(HEAD * config.channels, outputs)
