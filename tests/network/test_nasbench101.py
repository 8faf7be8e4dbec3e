from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.space.test_nasbench101 import CONV1, CONV3, FIRST_TEXT, INCEPTION_TEXT, POOL
from torch import nn

from lmreg.data.base import InputShape
from lmreg.data.images import Batch
from lmreg.network.base import count_macs, count_params
from lmreg.network.mixture import Mixture
from lmreg.network.nasbench101 import Config, ConvNormReLU, NASBench101Network, vertex_channels
from lmreg.rank.norm import recalibrated
from lmreg.space.cell_graph import CellGraph
from lmreg.space.nasbench101 import NASBench101

RGB = InputShape(3, 32, 32)


@pytest.fixture(scope="module")
def space() -> NASBench101:
    return NASBench101()


@pytest.fixture
def net(space: NASBench101) -> NASBench101Network:
    torch.manual_seed(0)
    return NASBench101Network(Config(channels=6), space, InputShape(1, 12, 12), outputs=3)


@pytest.mark.parametrize(("text", "params"), [(FIRST_TEXT, 8_555_530), (INCEPTION_TEXT, 2_694_282)])
def test_published_cells_have_their_published_parameters(space: NASBench101, text: str, params: int) -> None:
    """At the benchmark's size, for the first record of its data and its README's example."""
    alone = NASBench101Network(Config(channels=128, cells=3), space, RGB, outputs=10, only=space.parse(text))
    assert count_params(alone) == params


@pytest.mark.parametrize(
    ("edges", "width", "channels"),
    [
        # A path; a fork that joins before the output; three ways that share 8 and 15 channels.
        ("01 12 23", 16, [0, 16, 16, 16]),
        ("01 02 13 23 34", 8, [0, 8, 8, 8, 8]),
        ("01 02 03 14 24 34", 8, [0, 3, 3, 2, 8]),
        ("01 02 03 14 24 34", 15, [0, 5, 5, 5, 15]),
        # The widest of those that a vertex leads to counts, and the output's share where it leads there.
        ("01 12 13 24 34", 9, [0, 5, 5, 4, 9]),
        ("01 12 03 14 23 34", 15, [0, 8, 7, 7, 15]),
        ("01", 5, [0, 5]),
    ],
)
def test_channels_of_vertices_are_the_benchmarks(edges: str, width: int, channels: list[int]) -> None:
    """The examples of the benchmark's own tests."""
    pairs = frozenset((int(a), int(b)) for a, b in edges.split())
    assert vertex_channels(CellGraph((0,) * (len(channels) - 2), pairs), width) == channels


def test_every_vertex_has_channels_at_the_least_width(space: NASBench101, rng: np.random.Generator) -> None:
    for arch in [space.sample(rng) for _ in range(300)]:
        assert min(vertex_channels(space.cell(arch), 4)[1:]) >= 1


def test_macs_by_hand(space: NASBench101) -> None:
    """One vertex and a shortcut at 4, 8, 16 channels on 8×8, 4×4, 2×2 pixels, 3 classes."""
    shape = InputShape(1, 8, 8)
    arch = space.parse(f"011001000|input|{CONV3}|output")
    alone = NASBench101Network(Config(channels=4), space, shape, outputs=3).standalone(arch)

    def cell(c_in: int, c_out: int) -> int:
        return 2 * c_in * c_out + 9 * c_out * c_out

    stem = 64 * 9 * 4
    assert count_macs(alone, shape) == stem + 64 * cell(4, 4) + 16 * cell(4, 8) + 4 * cell(8, 16) + 16 * 3 + 3


def test_first_channels_are_what_full_width_gives(rng: np.random.Generator) -> None:
    """The definition: convolve, normalise and rectify all channels, and keep the first ones."""
    torch.manual_seed(0)
    part = ConvNormReLU(7, 9, 3).double()
    nn.init.normal_(part.norm.weight)
    nn.init.normal_(part.norm.bias)
    x = torch.randn(4, 5, 6, 6, dtype=torch.double)
    whole = F.conv2d(F.pad(x, (0, 0, 0, 0, 0, 2)), part.conv.weight, padding=1)
    norm = nn.BatchNorm2d(9, track_running_stats=False).double()
    norm.load_state_dict(part.norm.state_dict())
    expected = F.relu(norm(whole))[:, :4]
    torch.testing.assert_close(part(x, 4), expected, rtol=0, atol=1e-12)


def test_extracted_weights_are_the_first_ones(net: NASBench101Network, space: NASBench101) -> None:
    arch = space.parse(INCEPTION_TEXT)
    alone, x = net.extract(arch), torch.randn(8, 1, 12, 12)
    torch.testing.assert_close(alone(x), net(x, arch), rtol=1e-3, atol=1e-3)
    key = "stacks.0.0.operations.2:conv3x3-bn-relu.conv.weight"
    mine, theirs = net.state_dict()[key], alone.net.state_dict()[key]
    assert mine.shape == (6, 6, 3, 3)
    assert theirs.shape == (2, 2, 3, 3)  # 6 channels for 4 vertices: 2, 2, 1, 1
    assert torch.equal(mine[:2, :2], theirs)


def test_cell_by_hand(space: NASBench101) -> None:
    """Vertices add up projected inputs; the output concatenates vertices and adds the projected input."""
    torch.manual_seed(0)
    edges = ["01", "02", "12", "13", "23", "03"]
    digits = np.zeros((4, 4), int)
    for a, b in edges:
        digits[int(a), int(b)] = 1
    arch = space.parse("|".join(("".join(map(str, digits.flatten())), "input", CONV1, POOL, "output")))
    net = NASBench101Network(Config(channels=5), space, InputShape(1, 12, 12), outputs=3)
    cell, x = net.stacks[1][0], torch.randn(4, 5, 6, 6)
    project, operate = cell.projections, cell.operations
    first = operate["1:conv1x1-bn-relu"](project["1"](x, 5), 5)
    second = F.max_pool2d(first + project["2"](x, 5), 3, stride=1, padding=1)
    expected = torch.cat([first, second], 1) + project["output"](x, 10)
    torch.testing.assert_close(cell(x, space.cell(arch)), expected)


def test_standalone_has_the_paths_parts_only(net: NASBench101Network, space: NASBench101) -> None:
    alone = net.standalone(space.parse(f"0110000100010000|input|{CONV1}|{POOL}|output"))
    cells = {name.removeprefix("stacks.0.0.") for name in alone.net.state_dict() if "stacks.0.0" in name}
    parts = {".".join(name.split(".")[:2]) for name in cells}
    assert parts == {"projections.1", "projections.2", "operations.1:conv1x1-bn-relu"}
    assert set(alone.net.state_dict()) < set(net.state_dict())


def test_only_the_paths_channels_get_a_gradient(net: NASBench101Network, space: NASBench101) -> None:
    net(torch.randn(4, 1, 12, 12), space.parse(INCEPTION_TEXT)).square().sum().backward()
    touched = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
    assert {name.split(".")[4] for name in touched if "operations" in name} == {
        *("1:conv1x1-bn-relu", "2:conv3x3-bn-relu", "3:conv3x3-bn-relu", "4:conv3x3-bn-relu")
    }
    gradient = touched["stacks.0.0.operations.2:conv3x3-bn-relu.conv.weight"]
    assert gradient[:2, :2].abs().sum() > 0
    assert gradient[2:].abs().sum() == gradient[:, 2:].abs().sum() == 0


def test_fixed_statistics_are_those_of_the_paths_channels(
    net: NASBench101Network, space: NASBench101
) -> None:
    """Running statistics of one batch, with unbiased variance, give nearly the batch's own outputs."""
    arch, images = space.parse(INCEPTION_TEXT), torch.randn(64, 1, 12, 12)
    with torch.no_grad(), recalibrated(net) as fix:
        own = net(images, arch)
        fix(arch, [Batch(images, torch.zeros(64, dtype=torch.long))])
        torch.testing.assert_close(net(images, arch), own, rtol=0.05, atol=0.05)
        alone = net(images[:1], arch)  # a single image has no statistics worth the name
        torch.testing.assert_close(alone, net(images, arch)[:1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("height", "width", "channels"), [(12, 12, 1), (7, 9, 3), (1, 1, 2), (32, 32, 3)])
def test_any_input_size(space: NASBench101, height: int, width: int, channels: int) -> None:
    net = NASBench101Network(
        Config(channels=4, cells=2), space, InputShape(channels, height, width), outputs=7
    )
    assert net(torch.randn(2, channels, height, width), space.parse(FIRST_TEXT)).shape == (2, 7)


def test_mixtures_are_refused(net: NASBench101Network) -> None:
    with pytest.raises(TypeError, match="paths only"):
        net(torch.randn(2, 1, 12, 12), Mixture(()))
