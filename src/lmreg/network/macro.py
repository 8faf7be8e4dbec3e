"""The NAS-Bench-Macro network: stem, 8 layers in three stages, a wide 1×1 convolution, classifier.

Source: Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021, and the
benchmark's definition in its repository. Blocks: Sandler et al., "MobileNetV2: Inverted Residuals and
Linear Bottlenecks", CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from lmreg.config.schema import option
from lmreg.data.base import InputShape
from lmreg.network.base import MIXTURES, Standalone, SuperNet, batch_norm
from lmreg.network.mixture import Choice, Mixture, terms
from lmreg.space.base import Arch
from lmreg.space.macro import OPERATIONS, STAGES, NASBenchMacro

HEAD = 40
"""Channels of the last convolution per channel of the stem: 1280 for the benchmark's 32."""


@dataclass
class Config:
    channels: int = option(
        8, min=1, help="channels of the stem; each of the three stages doubles them (the benchmark has 32)"
    )


def _conv_norm(
    c_in: int, c_out: int, kernel: int = 1, stride: int = 1, groups: int = 1, relu: bool = True
) -> nn.Sequential:
    conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, batch_norm(c_out), *([nn.ReLU()] if relu else []))


class InvertedResidual(nn.Sequential):
    """MobileNetV2's block, with a shortcut where input and output have one shape; odd sizes round up."""

    def __init__(self, c_in: int, c_out: int, kernel: int, expansion: int, stride: int):
        inner = expansion * c_in
        super().__init__(
            _conv_norm(c_in, inner),
            _conv_norm(inner, inner, kernel, stride, groups=inner),
            _conv_norm(inner, c_out, relu=False),
        )
        self._shortcut = c_in == c_out and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return x + y if self._shortcut else y


def _operation(name: str, c_in: int, c_out: int, stride: int) -> nn.Module:
    if name == "mb3_k3":
        return InvertedResidual(c_in, c_out, 3, 3, stride)
    if name == "mb6_k5":
        return InvertedResidual(c_in, c_out, 5, 6, stride)
    if c_in == c_out and stride == 1:
        return nn.Identity()
    return _conv_norm(c_in, c_out, stride=stride, relu=False)


class Layer(nn.ModuleDict):
    """The operations offered at one place of the chain, by name."""

    def __init__(self, c_in: int, c_out: int, stride: int, offered: Sequence[int]):
        super().__init__({OPERATIONS[c]: _operation(OPERATIONS[c], c_in, c_out, stride) for c in offered})

    def forward(self, x: Tensor, weighted: list[tuple[int, Tensor | None]]) -> Tensor:
        """The weighted sum of operations on ``x`` [B, channels, height, width].

        Args:
            weighted: operations with their weights, see `lmreg.network.mixture.terms`.
        """
        values = [
            self[OPERATIONS[choice]](x) if weight is None else weight * self[OPERATIONS[choice]](x)
            for choice, weight in weighted
        ]
        return sum(values[1:], start=values[0])


class Network(SuperNet):
    """The super-net, or with one option offered per layer the network of one architecture."""

    offers = frozenset({MIXTURES})
    of_space = NASBenchMacro

    def __init__(
        self,
        config: Config,
        space: NASBenchMacro,
        shape: InputShape,
        outputs: int,
        offered: Sequence[Sequence[int]] | None = None,
    ):
        super().__init__()
        self._parts = (config, space, shape, outputs)
        offered = offered or [range(len(names)) for names in space.options]
        width = config.channels
        self.stem = _conv_norm(shape.channels, width, 3)
        self.layers = nn.ModuleList()
        for stride in (s for layers in STAGES for s in (2, *[1] * (layers - 1))):
            self.layers.append(Layer(width, stride * width, stride, offered[len(self.layers)]))
            width *= stride
        self.head = _conv_norm(width, HEAD * config.channels)
        self.classifier = nn.Linear(HEAD * config.channels, outputs)

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        x = self.stem(x)
        factors = choice.edges if isinstance(choice, Mixture) else None
        for i, layer in enumerate(self.layers):
            x = layer(x, terms(choice, i))
            x = x if factors is None else factors[i] * x
        return self.classifier(self.head(x).mean((2, 3)))

    def standalone(self, arch: Arch) -> Standalone:
        return Standalone(Network(*self._parts, offered=[[c] for c in arch.choices]), arch)
