"""What all networks share: counts of multiply-accumulates, and the strided 1×1 convolution."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.utils.flop_counter import FlopCounterMode

from lmreg.config import catalogue
from lmreg.config.build import choice_of
from lmreg.data.base import InputShape
from lmreg.network.base import Pointwise, SuperNet, count_macs
from lmreg.space.base import Space


class AlongRows(nn.Module):
    """A one-dimensional layer on the rows of a one-channel image, taken as tokens or as a signal."""

    def __init__(self, layer: nn.Module, flat: bool):
        super().__init__()
        self.layer, self.flat = layer, flat

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.flatten(2) if self.flat else x)


@pytest.mark.parametrize(
    ("layer", "flat", "macs"),
    [
        (nn.Linear(6, 3), False, 4 * 3 * (6 + 1)),  # once per row
        (nn.Conv1d(1, 2, 5, bias=False), True, 20 * 2 * 5),
        (nn.Conv1d(1, 2, 5), True, 20 * 2 * (5 + 1)),
        (nn.ConvTranspose1d(1, 2, 5), True, 24 * 2 * 5 + 28 * 2),
        (nn.Conv2d(1, 4, 3, padding=1, stride=2), False, 2 * 3 * 4 * (9 + 1)),
    ],
)
def test_layers_of_any_dimension_are_counted(layer: nn.Module, flat: bool, macs: int) -> None:
    assert count_macs(AlongRows(layer, flat), InputShape(1, 4, 6)) == macs


def test_a_layer_is_counted_as_often_as_it_is_used() -> None:
    layer = nn.Conv2d(4, 4, 3, groups=4, bias=False)
    net = nn.Sequential(nn.Conv2d(1, 4, 1, bias=False), layer, layer)
    assert count_macs(net, InputShape(1, 8, 8)) == 64 * 4 + 36 * 4 * 9 + 16 * 4 * 9


def biased_values(net: nn.Module, shape: InputShape) -> int:
    """Return the number of values per image to which convolutions and linear layers add a bias."""
    total = 0

    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += output[0].numel() if getattr(module, "bias", None) is not None else 0

    layers = [module for module in net.modules() if isinstance(module, _ConvNd | nn.Linear)]
    hooks = [layer.register_forward_hook(add) for layer in layers]
    with torch.no_grad():
        net(torch.zeros(2, shape.channels, shape.height, shape.width))
    for hook in hooks:
        hook.remove()
    return total


def profiled(net: nn.Module, shape: InputShape) -> int:
    """Return multiply-accumulates per image by torch's profiler, which counts two operations for each."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.zeros(2, shape.channels, shape.height, shape.width))
    return counter.get_total_flops() // (2 * 2)


@pytest.mark.parametrize("name", catalogue.choices("space"))
def test_networks_of_every_space_are_counted_as_by_the_profiler(name: str, rng: np.random.Generator) -> None:
    shape, (cls, config) = InputShape(1, 8, 8), choice_of("space", name, Space)
    space = cls(config)  # type: ignore[call-arg]
    network, options = choice_of("network", name, SuperNet)
    options.channels = 8
    net = network(options, space, shape, 5)  # type: ignore[call-arg]
    for arch in (space.sample(rng) for _ in range(6)):
        alone = net.standalone(arch)
        assert count_macs(alone, shape) == profiled(alone, shape) + biased_values(alone, shape)


class Functional(nn.Module):
    """Multiplies by calls of functions: a convolution, attention and a matrix product."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 1, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.conv2d(x, self.weight, padding=1)
        return nn.functional.scaled_dot_product_attention(x, x, x) @ x[0].new_ones(6, 5)


def test_calls_of_functions_are_counted() -> None:
    net, shape = Functional(), InputShape(1, 4, 6)
    attention = 2 * (4 * 4 * 6 + 4 * 4 * 6)
    assert count_macs(net, shape) == 24 * 2 * 9 + attention + 2 * 4 * 6 * 5


def test_pointwise_is_the_convolution_with_that_stride() -> None:
    images = torch.randn(2, 6, 7, 9)
    conv = Pointwise(6, 4, stride=2)
    assert torch.allclose(conv(images), torch.nn.functional.conv2d(images, conv.weight, stride=2), atol=1e-6)


BACKWARD = """
import torch
from lmreg.network.cells import operation
from lmreg.network.chain import conv_norm
torch.set_num_threads(1)
for channels in (2, 4, 6):
    built = [operation("skip_connect", channels, 2), operation("conv_1x1", channels, 2)]
    for module in (*built, conv_norm(channels, 2 * channels, stride=2)):
        module.to(memory_format=torch.channels_last)
        for _ in range(60):
            images = torch.randn(8, channels, 12, 12).to(memory_format=torch.channels_last)
            module(images.requires_grad_()).square().sum().backward()
"""


def test_few_channels_do_not_corrupt_memory() -> None:
    """In its own process, which a corrupt heap would end."""
    assert subprocess.run([sys.executable, "-c", BACKWARD], check=False).returncode == 0
