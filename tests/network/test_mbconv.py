from __future__ import annotations

import pytest
import torch

from lmreg.config.build import typed
from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.network.base import Standalone, count_macs, count_params
from lmreg.network.chain import InvertedResidual
from lmreg.network.mbconv import Config, MBConvNetwork
from lmreg.space.mbconv import Config as SpaceConfig
from lmreg.space.mbconv import MBConv

SMALL = Config(channels=4, widths=[4, 6, 6], head=10)


@pytest.fixture
def net() -> MBConvNetwork:
    torch.manual_seed(0)
    return MBConvNetwork(SMALL, MBConv(), InputShape(1, 8, 8), outputs=3)


def test_mobilenet_v2_has_its_published_size() -> None:
    """MobileNetV2 is an architecture of this space: 3.4 M parameters and 300 M multiply-accumulates in the
    paper's table 4; 3,504,872 is the number of torchvision's ``mobilenet_v2``."""
    space = MBConv(SpaceConfig(depths=[2, 3, 4, 3, 3, 1]))
    arch = space.parse("|".join("+".join(["mb6_k3"] * depth) for depth in space.depths))
    widths, strides = [24, 32, 64, 96, 160, 320], [2, 2, 2, 1, 2, 1]
    config = Config(channels=32, stem_stride=2, widths=widths, strides=strides, head=1280)
    shape = InputShape(3, 224, 224)
    only = MBConvNetwork(config, space, shape, 1000, offered=[[choice] for choice in arch.choices])
    assert count_params(only) == 3_504_872
    assert round(count_macs(Standalone(only, arch), shape) / 1e6) == 301


def test_costs_by_hand() -> None:
    """The smallest architecture, and one with one more layer, for 8×8 pixels and 3 classes."""
    shape, space = InputShape(1, 8, 8), MBConv()
    net = MBConvNetwork(SMALL, space, shape, outputs=3)
    least = net.standalone(space.parse("mb3_k3+skip|mb3_k3+skip+skip|mb3_k3+skip+skip"))
    # 8×8 pixels in the stem, 4×4 after stage 1, 2×2 after stages 2 and 3; 2, 4, 6, 6, 10 channels.
    stem = 64 * (9 * 4 + 9 * 4 + 4 * 2)
    one = 64 * 2 * 6 + 16 * (9 * 6 + 6 * 4)
    two = 16 * 4 * 12 + 4 * (9 * 12 + 12 * 6)
    three = 4 * (6 * 18 + 9 * 18 + 18 * 6)
    assert count_macs(least, shape) == stem + one + two + three + 4 * 6 * 10 + 10 * 3 + 3
    more = net.standalone(space.parse("mb3_k3+skip|mb3_k3+skip+mb6_k7|mb3_k3+skip+skip"))
    weights = 6 * 36 + 49 * 36 + 36 * 6
    assert count_macs(more, shape) - count_macs(least, shape) == 4 * weights
    assert count_params(more) - count_params(least) == weights + 2 * (36 + 36 + 6)


def test_a_skipped_layer_is_not_there(net: MBConvNetwork) -> None:
    layer, x = net.layers[4], torch.randn(2, 6, 2, 2)
    assert torch.equal(layer(x, [(6, None)]), x)
    with pytest.raises(IndexError):
        net.layers[2](x, [(6, None)])  # the first of a stage has no such option


def test_only_a_block_with_expansion_has_three_convolutions() -> None:
    for expansion, convolutions in ((1, 2), (3, 3)):
        block = InvertedResidual(4, 6, kernel=5, expansion=expansion, stride=2)
        assert sum(isinstance(m, torch.nn.Conv2d) for m in block.modules()) == convolutions
        assert block(torch.randn(2, 4, 7, 7)).shape == (2, 6, 4, 4)


@pytest.mark.parametrize(("height", "width", "channels"), [(12, 12, 1), (7, 9, 3), (1, 1, 1)])
def test_any_input_size(height: int, width: int, channels: int) -> None:
    space = MBConv()
    net = MBConvNetwork(SMALL, space, InputShape(channels, height, width), outputs=7)
    arch = space.parse("mb3_k3+skip|mb6_k7+mb3_k5+skip|mb6_k3+skip+mb3_k7")
    assert net(torch.randn(3, channels, height, width), arch).shape == (3, 7)


def test_stages_must_fit_those_of_the_space() -> None:
    for key, value in (("widths", [4, 6]), ("strides", [1, 1, 1, 1])):
        config = typed({key: value}, Config, "network")
        with pytest.raises(LmregError, match=rf"network\.{key}=.* each of the 3 stages of space\.depths"):
            MBConvNetwork(config, MBConv(), InputShape(1, 8, 8), outputs=3)


@pytest.mark.parametrize(
    ("key", "value"), [("widths", []), ("widths", [4, 0, 4]), ("strides", [1, 3, 1]), ("strides", [0, 1, 1])]
)
def test_wrong_numbers_are_refused(key: str, value: list[int]) -> None:
    with pytest.raises(LmregError, match=rf"network: {key}="):
        typed({key: value}, Config, "network")
