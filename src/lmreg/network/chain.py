"""Networks of layers in a chain, each of which is one of several blocks, and MobileNetV2's block.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from lmreg.network.base import MIXTURES, OfferedNetwork, batch_norm, convolution
from lmreg.network.mixture import Choice, Mixture, weighted_options, weighted_sum


def conv_norm(
    c_in: int, c_out: int, kernel: int = 1, stride: int = 1, groups: int = 1, relu: bool = True
) -> nn.Sequential:
    """Return convolution, batch normalisation and, if ``relu``, ReLU; odd sizes are rounded up."""
    conv = convolution(c_in, c_out, kernel, stride, groups)
    return nn.Sequential(conv, batch_norm(c_out), *([nn.ReLU()] if relu else []))


class InvertedResidual(nn.Sequential):
    """MobileNetV2's block, with a shortcut if input and output have the same shape.

    With ``expansion`` 1 it has no first convolution.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, expansion: int, stride: int):
        inner = expansion * c_in
        super().__init__(
            *([conv_norm(c_in, inner)] if expansion > 1 else []),
            conv_norm(inner, inner, kernel, stride, groups=inner),
            conv_norm(inner, c_out, relu=False),
        )
        self._shortcut = c_in == c_out and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return x + y if self._shortcut else y


class Layer(nn.ModuleDict):
    """The blocks offered at one position of the chain, by name.

    Args:
        names: names of all options.
        offered: indices of the options that are built.
        build: builds the block with a name.
    """

    def __init__(self, names: Sequence[str], offered: Sequence[int], build: Callable[[str], nn.Module]):
        super().__init__({names[choice]: build(names[choice]) for choice in offered})
        self._names = tuple(names)

    def forward(self, x: Tensor, weighted: list[tuple[int, Tensor | None]]) -> Tensor:
        """Return the sum of blocks on ``x`` [B, channels, height, width], with their weights."""
        return weighted_sum(lambda choice: self[self._names[choice]](x), weighted)


class ChainNetwork(OfferedNetwork):
    """Stem, layers, head, global pooling, classifier.

    A subclass builds these, with all options of a layer or with those in ``offered``, and keeps its other
    arguments in ``_parts``.
    """

    offers = frozenset({MIXTURES})
    stem: nn.Module
    layers: nn.ModuleList
    head: nn.Module
    classifier: nn.Module

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        x = self.stem(x)
        factors = choice.edges if isinstance(choice, Mixture) else None
        for i, layer in enumerate(self.layers):
            x = layer(x, weighted_options(choice, i))
            x = x if factors is None else factors[i] * x
        return self.classifier(self.head(x).mean((2, 3)))
