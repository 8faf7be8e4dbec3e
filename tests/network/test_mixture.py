from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.network.mixture import Mixture, soft_one_shot, weighted_options
from lmreg.network.nasbench201 import Config, NASBench201Network
from lmreg.space.base import Arch
from lmreg.space.nasbench201 import NASBench201

COUNTS = [5] * 6


@pytest.fixture
def partial_net(space: NASBench201) -> NASBench201Network:
    torch.manual_seed(0)
    return NASBench201Network(Config(channels=4), space, InputShape(1, 8, 8), outputs=3, partial=2)


def test_text_is_no_architecture(net: NASBench201Network) -> None:
    with pytest.raises(LmregError, match=r"'x' is text, not an architecture; use study\.space\.parse"):
        net(torch.randn(2, 1, 8, 8), "x")


def test_a_cell_of_one_weighted_edge_by_hand(net: NASBench201Network) -> None:
    """Only the edge from input to output isn't `none`: the output is its weighted operations."""
    cell, x = net.body[0].double(), torch.randn(6, 4, 8, 8, dtype=torch.float64)
    weights = [torch.tensor([1.0, 0, 0, 0, 0], dtype=torch.float64) for _ in range(6)]
    weights[3] = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5], dtype=torch.float64)
    edge = cell.edges[3]
    pool = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    expected = 0.2 * x + 0.3 * edge["nor_conv_1x1"](x) + 0.4 * edge["nor_conv_3x3"](x) + 0.5 * pool
    torch.testing.assert_close(cell([x], Mixture(tuple(weights))), expected)
    factors = torch.tensor([1, 1, 1, 3.0, 1, 1], dtype=torch.float64)
    torch.testing.assert_close(cell([x], Mixture(tuple(weights), edges=factors)), 3 * expected)


def test_every_weight_gets_its_gradient_and_only_active_ones_where_some_are(
    net: NASBench201Network, rng: np.random.Generator, space: NASBench201
) -> None:
    x = torch.randn(6, 1, 8, 8)
    weights = tuple(torch.full((5,), 0.2, requires_grad=True) for _ in range(6))
    net(x, Mixture(weights)).square().sum().backward()
    for row in weights:
        assert row.grad is not None
        assert row.grad[0] == 0  # `none` adds nothing
        assert (row.grad[1:] != 0).all()
        row.grad = None
    arch = space.arch((3, 3, 3, 3, 3, 3))
    net(x, Mixture(weights, active=arch.choices)).square().sum().backward()
    assert all((row.grad != 0).tolist() == [False, False, False, True, False] for row in weights)


def test_partial_channels_by_hand(partial_net: NASBench201Network) -> None:
    edge, x = partial_net.body[0].edges[0], torch.arange(4.0)[None, :, None, None].expand(2, 4, 2, 2)
    assert edge["nor_conv_3x3"][1].weight.shape == (2, 2, 3, 3)
    # Channels 0, 1 are doubled, 2, 3 pass by; then 0 2 1 3 of them in turn.
    doubled = edge(x, [(1, torch.tensor(2.0))])
    assert doubled[0, :, 0, 0].tolist() == [0, 2, 2, 3]
    assert edge(x, [(0, torch.tensor(1.0))])[0, :, 0, 0].tolist() == [0, 2, 0, 3]  # `none` in a mixture
    assert edge(x, [(0, None)]) is None  # on a path there is no edge at all


def test_partial_super_nets_take_paths_and_mixtures_but_extract_nothing(
    partial_net: NASBench201Network, space: NASBench201, rng: np.random.Generator
) -> None:
    x, arch = (
        torch.randn(6, 1, 8, 8),
        space.parse("|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|skip_connect~2|"),
    )
    assert partial_net(x, arch).shape == (6, 3)
    assert partial_net(x, Mixture((torch.full((5,), 0.2),) * 6)).shape == (6, 3)
    with pytest.raises(LmregError, match="partial channels"):
        partial_net.extract(arch)
    # The network of the architecture itself is what it always is.
    whole = NASBench201Network(Config(channels=4), space, InputShape(1, 8, 8), outputs=3)
    shapes = [p.shape for p in whole.standalone(arch).parameters()]
    assert [p.shape for p in partial_net.standalone(arch).parameters()] == shapes


def test_channels_that_are_no_multiple(space: NASBench201) -> None:
    with pytest.raises(LmregError, match=r"multiple of 4; network\.channels=6"):
        NASBench201Network(Config(channels=6), space, InputShape(1, 8, 8), outputs=3, partial=4)


def test_soft_one_shot_by_hand(space: NASBench201) -> None:
    arch = space.arch((0, 1, 2, 3, 4, 2))
    mixture = soft_one_shot(arch, COUNTS, 0.01, torch.zeros(()))
    torch.testing.assert_close(mixture.weights[1], torch.tensor([0.1975, 0.21, 0.1975, 0.1975, 0.1975]))
    assert all(row.sum().item() == pytest.approx(1) for row in mixture.weights)
    assert [int(row.argmax()) for row in mixture.weights] == list(arch.choices)
    assert mixture.active is None
    (single,) = soft_one_shot(Arch("toy", (0,)), [1], 0.01, torch.zeros(())).weights
    assert single.tolist() == [1.0]


def test_terms_of_paths_and_mixtures(space: NASBench201) -> None:
    arch = space.arch((0, 1, 2, 3, 4, 2))
    assert weighted_options(arch, 3) == [(3, None)]
    weights = tuple(torch.arange(5.0) for _ in range(6))
    assert weighted_options(Mixture(weights), 0) == [(i, float(i)) for i in range(5)]
    assert weighted_options(Mixture(weights, active=(4,) * 6), 0) == [(4, 4.0)]
