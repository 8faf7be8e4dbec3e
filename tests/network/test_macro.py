from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from lmreg.data.base import InputShape
from lmreg.network.base import count_macs, count_params
from lmreg.network.macro import Config, NASBenchMacroNetwork
from lmreg.network.mixture import Mixture
from lmreg.space.base import Arch
from lmreg.space.macro import NASBenchMacro

MACRO = NASBenchMacro()


@pytest.fixture
def macro_net() -> NASBenchMacroNetwork:
    torch.manual_seed(0)
    return NASBenchMacroNetwork(Config(channels=2), MACRO, InputShape(1, 8, 8), outputs=3)


def one_hot(arch: Arch) -> tuple[torch.Tensor, ...]:
    return tuple(F.one_hot(torch.tensor(c), 3).double() for c in arch.choices)


def test_params_and_macs_are_the_benchmarks(real_data: Path, rng: np.random.Generator) -> None:
    """The figures of every row of the table, at the benchmark's size.

    ``params`` are all trainable values, those of batch normalisation and the classifier's bias included;
    ``flops`` are multiply-accumulates of convolutions and the classifier without its bias (ours count it:
    10 more), normalisation left out. Both are sums over layers, so 17 networks tell those of all 6,561;
    a sample is counted by itself besides.
    """
    table = pd.read_csv(real_data / "nasbench_macro.csv", dtype={"arch": str})
    shape = InputShape(3, 32, 32)
    net = NASBenchMacroNetwork(Config(channels=32), MACRO, shape, outputs=10)

    def cost(*choices: int) -> np.ndarray:
        alone = net.standalone(MACRO.arch(choices))
        return np.array([count_params(alone), count_macs(alone, shape) - 10])

    least = cost(*[0] * 8)
    more = np.zeros((8, 3, 2), int)
    for layer in range(8):
        for op in (1, 2):
            more[layer, op] = cost(*(op if i == layer else 0 for i in range(8))) - least
    choices = np.array([MACRO.parse(text).choices for text in table["arch"]])
    mine = least + more[np.arange(8), choices].sum(1)
    np.testing.assert_array_equal(mine, table[["params", "flops"]])
    for row in rng.choice(len(table), 10, replace=False):
        np.testing.assert_array_equal(cost(*choices[row]), table.loc[row, ["params", "flops"]].astype(int))


def test_costs_by_hand() -> None:
    """One layer of each kind, 2 channels, 4x4 pixels, 3 classes."""
    shape = InputShape(1, 4, 4)
    alone = NASBenchMacroNetwork(Config(channels=2), MACRO, shape, outputs=3).standalone(
        MACRO.parse("12000000")
    )
    # 4x4 -> 2x2 -> 1x1 -> 1x1 pixels, 2 -> 4 -> 8 -> 16 channels, a head of 80.
    stem = 16 * 9 * 2
    first = 16 * 2 * 6 + 4 * 9 * 6 + 4 * 6 * 4
    second = 4 * 4 * 24 + 4 * 25 * 24 + 4 * 24 * 4
    others = 4 * 8 + 8 * 16
    assert count_macs(alone, shape) == stem + first + second + others + 16 * 80 + 80 * 3 + 3
    weights = 9 * 2 + (2 * 6 + 9 * 6 + 6 * 4) + (4 * 24 + 25 * 24 + 24 * 4) + others + 16 * 80 + 80 * 3 + 3
    assert count_params(alone) == weights + 2 * (2 + (6 + 6 + 4) + (24 + 24 + 4) + 8 + 16 + 80)


def test_standalone_has_the_paths_parts_only(macro_net: NASBenchMacroNetwork) -> None:
    least = macro_net.standalone(MACRO.parse("00000000"))
    assert set(least.net.state_dict()) < set(macro_net.state_dict())
    in_layers = {name.split(".")[1] for name, _ in least.net.named_parameters() if name.startswith("layers")}
    assert in_layers == {"0", "2", "5"}  # the first of each stage; the other identities have nothing


def test_isomorphic_architectures_are_one_network() -> None:
    """The position of an identity doesn't matter: with the same weights the logits are equal."""
    x, nets = torch.randn(5, 1, 8, 8), []
    net = NASBenchMacroNetwork(Config(channels=2), MACRO, InputShape(1, 8, 8), outputs=3)
    for text in ("10120102", "10102120"):
        alone = net.standalone(MACRO.parse(text))
        for seed, parameter in enumerate(alone.parameters()):
            torch.nn.init.normal_(parameter, std=0.5, generator=torch.Generator().manual_seed(seed))
        nets.append(alone)
    assert MACRO.canonical(nets[0].arch) == MACRO.canonical(nets[1].arch)
    assert torch.equal(nets[0](x), nets[1](x))


def test_shortcuts_are_where_shapes_stay(macro_net: NASBenchMacroNetwork) -> None:
    """A block whose last normalisation gives zero is the identity, except in the first layer of a stage."""
    for i, layer in enumerate(macro_net.layers):
        block = layer["mb6_k5"]
        torch.nn.init.zeros_(block[2][1].weight)
        x = torch.randn(2, block[0][0].in_channels, 4, 4)
        expected = torch.zeros(2, 2 * x.shape[1], 2, 2) if i in (0, 2, 5) else x
        torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(("height", "width", "channels"), [(12, 12, 1), (7, 9, 3), (5, 5, 2), (1, 1, 1)])
def test_any_input_size(height: int, width: int, channels: int) -> None:
    net = NASBenchMacroNetwork(Config(channels=2), MACRO, InputShape(channels, height, width), outputs=7)
    for text in ("00000000", "11111111", "22222222"):
        assert net(torch.randn(3, channels, height, width), MACRO.parse(text)).shape == (3, 7)


def test_a_weighted_layer_by_hand(macro_net: NASBenchMacroNetwork) -> None:
    layer, x = macro_net.layers[1].double(), torch.randn(6, 4, 4, 4, dtype=torch.float64)
    weights = [(i, torch.tensor(w, dtype=torch.float64)) for i, w in enumerate((0.2, 0.3, 0.5))]
    expected = 0.2 * x + 0.3 * layer["mb3_k3"](x) + 0.5 * layer["mb6_k5"](x)
    torch.testing.assert_close(layer(x, weights), expected)


def test_factors_multiply_whole_layers(macro_net: NASBenchMacroNetwork) -> None:
    net, x = macro_net.double(), torch.randn(6, 1, 8, 8, dtype=torch.float64)
    arch = MACRO.parse("00000001")
    edges = torch.tensor([1, 1, 1, 1, 1, 1, 1, 3], dtype=torch.float64)
    seen: list[torch.Tensor] = []
    net.head.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    net(x, Mixture(one_hot(arch)))
    net(x, Mixture(one_hot(arch), edges=edges))
    torch.testing.assert_close(seen[1], 3 * seen[0])


def test_every_weight_gets_its_gradient_and_only_active_ones_where_some_are(
    macro_net: NASBenchMacroNetwork,
) -> None:
    x = torch.randn(6, 1, 8, 8)
    weights = tuple(torch.full((3,), 1 / 3, requires_grad=True) for _ in range(8))
    macro_net(x, Mixture(weights)).square().sum().backward()
    for row in weights:
        assert row.grad is not None
        assert (row.grad != 0).all()
        row.grad = None
    arch = MACRO.parse("11111111")
    macro_net(x, Mixture(weights, active=arch.choices)).square().sum().backward()
    assert all((row.grad != 0).tolist() == [False, True, False] for row in weights)
