"""An encoder and a decoder of fusion blocks whose cells are searched; it gives one map per output channel.

Source: the decoder of MiDaS (Ranftl et al., "Towards Robust Monocular Depth Estimation", TPAMI 2020)
with cells as in Yu, Ranftl & Salzmann, CVPR 2021, section 4.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    remove_affine,
)
from lmreg.network.chain import conv_norm
from lmreg.network.encoder import LEVELS, Convolutional, Timm, to_size
from lmreg.network.mixture import Choice, Offered, weighted_options, weighted_sum
from lmreg.network.nasbench201 import NASBench201Cell
from lmreg.space.depth_decoder import BLOCKS, DepthDecoder


@dataclass
class Config(SuperNetOnly):
    channels: int = option(16, min=1, help="channels of all blocks of the decoder")
    encoder: str = option(
        "conv",
        choices=["conv", "timm"],
        help="conv: a small encoder that is trained along; timm: a model of the library timm",
    )
    widths: list[int] = option([16, 24, 32, 48], help="encoder=conv: channels of its four levels")
    encoder_name: str = option("resnet18", text="text", help="encoder=timm: name of the model")
    encoder_weights: str | None = option(
        None,
        text="path",
        help="encoder=timm: file with its weights (PyTorch or safetensors); null: random weights",
    )
    encoder_frozen: bool = option(
        False, help="encoder=timm: keep the encoder's weights and statistics as they are"
    )
    encoder_lr: float = option(1.0, min=0, help="factor of the encoder's learning rate")

    def __post_init__(self) -> None:
        if len(self.widths) != LEVELS or min(self.widths) < 1:
            raise ValueError(f"widths={self.widths}: give {LEVELS} numbers of channels, each at least 1")
        if self.encoder == "conv" and (self.encoder_weights is not None or self.encoder_frozen):
            raise ValueError("encoder_weights and encoder_frozen are of encoder=timm")


class Upsampling(nn.ModuleDict):
    """The offered methods of upsampling by two, by name; interpolation has no module."""

    def __init__(self, names: Sequence[str], channels: int):
        super().__init__()
        self._names = tuple(names)
        if "transposed" in names:
            self["transposed"] = nn.ConvTranspose2d(channels, channels, 2, stride=2, bias=False)
        if "shuffle" in names:
            self["shuffle"] = nn.Sequential(convolution(channels, 4 * channels), nn.PixelShuffle(2))

    def forward(self, name: str, x: Tensor, size: Sequence[int]) -> Tensor:
        """Upsample ``x`` [B, channels, height, width] to ``size`` = (height, width), about twice its own."""
        if name == "nearest":
            return F.interpolate(x, tuple(size), mode="nearest")
        return to_size(self[name](x) if name in self else x, size)


class DepthDecoderNetwork(OfferedNetwork):
    """The super-net, or with one option offered per decision the network of one architecture.

    1×1 convolutions project the encoder's features to the same number of channels. Beginning with the deepest
    level, each block's cell fuses the feature of its level with the previous block's output, and the result
    is upsampled to the resolution of the next level, in the last block to twice that of the largest feature.
    The head's maps are interpolated to the size of the images.

    With ``partial`` = k, operations see 1/k of the channels.
    """

    offers = frozenset({MIXTURES, PARTIAL_CHANNELS})
    of_space = DepthDecoder
    dense = True

    def __init__(
        self,
        config: Config,
        space: DepthDecoder,
        shape: InputShape,
        outputs: int,
        offered: Offered = None,
        partial: int = 1,
    ):
        super().__init__()
        self._parts = (config, space, shape, outputs)
        check_partial(config.channels, partial)
        self._config, self._ups = config, space.upsamplings
        plain = offered is None and not config.affine
        offered = offered or [range(len(names)) for names in space.options]
        self.encoder: Convolutional | Timm = (
            Convolutional(shape.channels, config.widths)
            if config.encoder == "conv"
            else Timm(shape, config.encoder_name, config.encoder_weights, config.encoder_frozen)
        )
        widths = self.encoder.widths
        # The first block has two projections of the deepest feature.
        self.projections = nn.ModuleList(
            conv_norm(width, config.channels, relu=False) for width in (*widths, widths[-1])
        )
        self.cells, self.upsamplings = nn.ModuleList(), nn.ModuleList()
        edges = len(space.edges)
        # Shared cells are one cell with one set of weights per block.
        for number in range(BLOCKS):
            decisions = space.block(number)
            mine = offered[decisions]
            self.cells.append(
                NASBench201Cell(config.channels, mine[:edges], partial, space.edges, decisions.start)
            )
            ways = [self._ups[c] for c in mine[edges]] if mine[edges:] else self._ups
            self.upsamplings.append(Upsampling(ways, config.channels))
        if plain:
            remove_affine(self.cells)
        self._decisions = [
            space.block(n).start + edges if len(self._ups) > 1 else None for n in range(BLOCKS)
        ]
        middle = max(1, config.channels // 2)
        self.head = nn.Sequential(
            *(batch_norm(config.channels), nn.ReLU(), nn.Conv2d(config.channels, middle, 3, padding=1)),
            *(nn.ReLU(), nn.Conv2d(middle, outputs, 1)),
        )

    def blocks(self) -> list[nn.Module]:
        return list(self.cells)

    def learning_rates(self) -> dict[str, float]:
        return {"encoder.": self._config.encoder_lr}

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        features = self.encoder(x)
        *levels, below = [p(f) for p, f in zip(self.projections, (*features, features[-1]), strict=True)]
        sizes = [tuple(feature.shape[2:]) for feature in features]
        full = x.shape[2:]
        sizes = [tuple(min(2 * s, f) for s, f in zip(sizes[0], full, strict=True)), *sizes]
        for number, cell in enumerate(self.cells):
            level = LEVELS - 1 - number
            below = self._upsampled(number, cell([below, levels[level]], choice), choice, sizes[level])
        return to_size(self.head(below), full)

    def _upsampled(self, number: int, x: Tensor, choice: Choice, size: Sequence[int]) -> Tensor:
        decision, ways = self._decisions[number], self.upsamplings[number]
        if decision is None:
            return ways(self._ups[0], x, size)
        return weighted_sum(lambda way: ways(self._ups[way], x, size), weighted_options(choice, decision))
