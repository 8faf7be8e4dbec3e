from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.space.test_darts import DARTS_V2
from tests.space.test_nds import ENAS, SKIPS, arch, of

from lmreg.data.base import InputShape
from lmreg.network import darts
from lmreg.network.base import count_params
from lmreg.network.cells import AuxiliaryHead, Config
from lmreg.network.mixture import Mixture
from lmreg.network.nds import NDSNetwork
from lmreg.space.darts import DARTSSpace
from lmreg.space.nds import FAMILIES, NDS, Family
from lmreg.testing import check_network

SHAPE = InputShape(1, 8, 8)
TINY = Config(channels=2, cells=3)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def net(space: NDS, config: Config = TINY) -> NDSNetwork:
    torch.manual_seed(0)
    return NDSNetwork(config, space, SHAPE, outputs=3)


def test_the_published_genotype_has_its_published_size() -> None:
    """3,349,342 parameters at 20 cells and 36 channels."""
    space = of("darts")
    with torch.device("meta"):
        big = NDSNetwork(
            Config(channels=36, cells=20), space, InputShape(3, 32, 32), 10, space.parse(DARTS_V2)
        )
    assert count_params(big) == 3_349_342


def test_cells_of_both_spaces_are_the_same_networks(x: torch.Tensor, rng: np.random.Generator) -> None:
    space, other = of("darts"), DARTSSpace()
    for found in [other.sample(rng) for _ in range(3)]:
        mine = space.parse(other.format(found))
        a, b = darts.DARTSNetwork(TINY, other, SHAPE, 3, found), NDSNetwork(TINY, space, SHAPE, 3, mine)
        for ours, theirs in zip(b.state_dict().values(), a.state_dict().values(), strict=True):
            ours.copy_(theirs)  # the same modules in the same order
        torch.testing.assert_close(b(x, mine), a(x, found), rtol=0, atol=0)


def test_a_super_net_with_loose_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """With few options to save time; a family without loose ends is checked with the catalogue."""
    monkeypatch.setitem(FAMILIES, "small", Family(4, True, ("skip_connect", "conv_3x3", "max_pool_3x3")))
    check_network(net(of("small"), Config(channels=3, cells=4)), of("small"), SHAPE)


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - {"darts"}))
def test_every_family_has_a_super_net(family: str, x: torch.Tensor, rng: np.random.Generator) -> None:
    """The super-net's path equals the extracted network, all of whose operations contribute."""
    space = of(family)
    whole = net(space)
    drawn = space.sample(rng)
    alone = whole.extract(drawn)
    torch.testing.assert_close(alone.double()(x.double()), whole.double()(x.double(), drawn))
    alone(x.double()).square().sum().backward()
    assert all(p.grad is not None for n, p in alone.named_parameters() if "inputs" not in n)


def test_parameters_by_hand() -> None:
    """The loose ends are nodes 4 and 6 of the normal cells and all five of the reduction cells."""
    alone = NDSNetwork(Config(channels=3, cells=3), of("enas"), SHAPE, 4).standalone(of("enas").parse(ENAS))

    def sep(channels: int, *kernels: int) -> int:
        return sum(2 * (channels * k * k + channels**2 + 2 * channels) for k in kernels)

    stem = 9 * 9 + 2 * 9
    first = 2 * (9 * 3 + 2 * 3) + sep(3, 3, 3, 5, 3, 5, 3)  # normal, 3 channels a node
    second = (9 * 6 + 2 * 6) + (2 * 3 * 6 + 2 * 6) + sep(6, *[3] * 10)  # reduction, 6 channels
    third = (2 * 3 * 12 + 2 * 12) + (5 * 6 * 12 + 2 * 12) + sep(12, *[3] * 10)
    assert count_params(alone) == stem + first + second + third + 5 * 12 * 4 + 4


def test_nodes_that_are_read_are_not_joined(x: torch.Tensor) -> None:
    space = of("enas")
    given, whole = space.parse(ENAS), net(space)
    before_last, last = torch.randn(2, 2, 6, 8, 8)
    output = whole.cells[0](before_last, last, given, None)
    filled = [bool(node.any()) for node in output.split(2, 1)]  # type: ignore[operator]
    assert filled == [False, False, True, False, True]
    alone = whole.extract(given).net
    torch.testing.assert_close(
        alone.cells[0](before_last, last, given, None), torch.cat([output[:, 4:6], output[:, 8:]], 1)
    )
    assert alone.cells[1].inputs[1][1].weight.shape == (4, 2 * 2, 1, 1)  # type: ignore[union-attr, index]
    assert alone.classifier.in_features == 5 * 8


def test_the_two_inputs_of_a_node_share_no_weights(x: torch.Tensor) -> None:
    space = of("enas")
    given, whole = space.parse(ENAS), net(space)
    first, second = (whole.cells[0].slots[i]["sep_conv_3x3~1"] for i in (0, 1))  # type: ignore[index, union-attr]
    whole(x, given).square().sum().backward()
    weights = [module[0][1].weight for module in (first, second)]  # type: ignore[index]
    assert all(w.grad.any() for w in weights)
    assert not torch.equal(weights[0].grad, weights[1].grad)


def test_isomorphic_architectures_are_the_same_function(x: torch.Tensor) -> None:
    """Swap nodes 2 and 3 of both cells and the inputs of node 4, with their weights."""
    space = of("enas")
    skip, sep3, sep5, average, most = range(5)
    second = (((0, sep5), (1, skip)), ((0, sep3), (1, most)), ((3, sep5), (1, average)))
    first = (second[1], second[0], ((1, average), (2, sep5)))
    rest = (((0, sep3), (1, sep3)), ((4, sep3), (5, most)))
    one, other = (arch(space, (*nodes, *rest), (*nodes, *rest)) for nodes in (first, second))
    assert space.canonical(one) == space.canonical(other)
    assert space.joined(space.cells(one)[0]) == [3, 6]
    assert space.joined(space.cells(other)[0]) == [2, 6]
    whole = net(space).double()
    a, b = (whole.extract(given).net.double() for given in (one, other))
    place, source, moved = [2, 3, 0, 1, 5, 4], {"2": "3"}, {}
    for key, value in a.state_dict().items():
        parts = key.split(".")
        if "slots" in parts:
            slot = int(parts[3])
            name, _, read = parts[4].partition("~")
            parts[3] = str([*place, *range(6, 10)][slot])
            parts[4] = f"{name}~{source.get(read, read)}"
        moved[".".join(parts)] = value
    b.load_state_dict(moved)
    x = x.double()
    torch.testing.assert_close(b(x, other), a(x, one))
    assert not torch.allclose(whole.extract(other).double()(x), a(x, one))


def test_a_mixture_uses_every_operation_and_all_weights_learn(x: torch.Tensor) -> None:
    for family in ("darts", "enas"):
        space = of(family)
        whole = net(space)
        weights = [torch.full((len(names),), 1 / len(names), requires_grad=True) for names in space.options]
        whole(x, Mixture(tuple(weights))).square().sum().backward()
        assert all(p.grad is not None for p in whole.parameters())
        assert all(w.grad is not None and w.grad.any() for w in weights)


def test_in_a_mixture_nodes_are_joined_as_far_as_they_are_not_read() -> None:
    space = of("enas")
    given = space.parse(ENAS)
    rows = [torch.eye(len(names))[c] for names, c in zip(space.options, given.choices, strict=True)]
    # The inputs of node 6, both sep_conv of 5, are half of them operations on node 4 and on node 3.
    for slot, source in ((8, 4), (9, 3)):
        rows[slot] = 0.5 * rows[slot]
        rows[slot][5 * source] = 0.5
    cell = net(space).cells[0]
    shares = cell._output_factors(Mixture(tuple(rows)))  # type: ignore[operator]
    assert [float(share) for share in shares[2:]] == [0, 0, 0.5, 0.25, 1]
    assert cell._output_factors(given)[2:] == [0, 0, 1, 0, 1]  # type: ignore[operator]


def test_cells_that_are_only_none_are_evaluated(x: torch.Tensor) -> None:
    """NDS has such architectures too; later layers then see constants."""
    space = of("darts")
    nothing = (((0, 0), (1, 0)),) * 4
    whole = net(space)
    for normal, reduction in ((nothing, nothing), (SKIPS, nothing), (nothing, SKIPS)):
        given = arch(space, normal, reduction)
        logits = whole(x, given)
        assert torch.isfinite(logits).all()
        torch.testing.assert_close(whole.extract(given)(x), logits)
        logits.square().sum().backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in whole.parameters())
    torch.testing.assert_close(whole(x, arch(space, nothing, nothing)), whole.classifier.bias.expand(4, 3))


def test_the_auxiliary_head_reads_the_reduction_cells_loose_ends(x: torch.Tensor) -> None:
    space = of("enas")
    given = space.parse(ENAS)
    config = Config(channels=2, cells=6, auxiliary=0.4, drop_path=0.5)  # the last reduction cell is number 4
    alone = net(space, config).for_training(given).net
    assert isinstance(alone.head, AuxiliaryHead)
    assert alone.head[2].in_channels == 5 * 8
    assert alone.classifier.in_features == 2 * 8
    outputs = alone.training_outputs(x, given, 0.5, torch.Generator().manual_seed(0))
    assert [(weight, value.shape) for weight, value in outputs] == [(1.0, (4, 3)), (0.4, (4, 3))]
