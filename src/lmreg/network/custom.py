"""The network of a user's own space: stem, the stages' layers, global pooling, classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from lmreg.config.schema import option
from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.network.chain import ChainNetwork, Layer, conv_norm
from lmreg.network.mixture import Offered
from lmreg.network.modules import build_modules, require_fit
from lmreg.space.custom import CustomSpace, CustomStage, config_key


@dataclass
class Config:
    channels: int = option(8, min=1, help="channels of the stem, a 3×3 convolution")
    stem_stride: int = option(
        1, min=1, max=2, help="stride of the stem; 2 halves the resolution, for large images"
    )
    head: int = option(0, min=0, help="channels of a 1×1 convolution after the last stage; 0: none")


class CustomNetwork(ChainNetwork):
    """The super-net, or with one option offered per layer the network of one architecture.

    The super-net's modules are tested on noise of their layer's shape, with odd sizes rounded up, unless it
    is built on the meta device: then the size of the images isn't known yet.
    """

    of_space = CustomSpace

    def __init__(
        self, config: Config, space: CustomSpace, shape: InputShape, outputs: int, offered: Offered = None
    ):
        super().__init__()
        self._parts = (config, space, shape, outputs)
        self.stem = conv_norm(shape.channels, config.channels, 3, config.stem_stride)
        self.layers = nn.ModuleList()
        size = tuple(-(-s // config.stem_stride) for s in (shape.height, shape.width))
        c_in = config.channels
        for number, stage in enumerate(space.stages):
            for stride in (stage.stride, *[1] * (stage.depth - 1)):
                index = len(self.layers)
                names = space.options[index]
                mine = range(len(names)) if offered is None else offered[index]
                layer = _layer(stage, number, names, mine, c_in, stride)
                after = tuple(-(-s // stride) for s in size)
                if offered is None and not self.stem[0].weight.is_meta:
                    for name, module in layer.items():
                        require_fit(module, (c_in, *size), (stage.width, *after), config_key(number, name))
                self.layers.append(layer)
                c_in, size = stage.width, after
        self.head = conv_norm(c_in, config.head) if config.head else nn.Identity()
        self.classifier = nn.Linear(config.head or c_in, outputs)


def _layer(
    stage: CustomStage, number: int, names: tuple[str, ...], offered: Sequence[int], c_in: int, stride: int
) -> Layer:
    values = {"$c_in": c_in, "$c_out": stage.width, "$stride": stride}

    def build(name: str) -> nn.Module:
        if hasattr(nn.ModuleDict(), name):
            raise LmregError(f"{config_key(number, name)}: torch has another use for this name; take another")
        assert stage.parts is not None
        return build_modules(stage.parts[name], values, config_key(number, name))

    return Layer(names, offered, build)
