from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.space.test_darts import DARTS_V2
from tests.train.contexts import make_context

from lmreg.algo.pcdarts import PCDARTS
from lmreg.data.base import InputShape
from lmreg.data.images import Batch
from lmreg.errors import LmregError
from lmreg.network.base import Standalone, SuperNet, count_macs, count_params
from lmreg.network.cells import Config, drop_path
from lmreg.network.darts import DARTSNetwork
from lmreg.network.mixture import Mixture
from lmreg.rank.norm import recalibrated
from lmreg.space.base import Arch
from lmreg.space.darts import EDGES, NONE, OPERATIONS, DARTSSpace
from lmreg.train.optimise import TrainerConfig, make_optimizer
from lmreg.train.random_streams import Streams, initialised

SPACE = DARTSSpace()
V2 = SPACE.parse(DARTS_V2)
SHAPE = InputShape(1, 8, 8)
CPU = torch.device("cpu")


@pytest.fixture
def net() -> DARTSNetwork:
    torch.manual_seed(0)
    return DARTSNetwork(Config(channels=4, cells=4, affine=True), SPACE, SHAPE, outputs=3)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def one_hot(arch: Arch) -> Mixture:
    return Mixture(tuple(torch.eye(8)[choice] for choice in arch.choices))


def test_the_published_genotype_has_its_published_size() -> None:
    """3,349,342 parameters and 528 million multiply-accumulates at 20 cells and 36 channels."""
    with torch.device("meta"):
        big = DARTSNetwork(Config(channels=36, cells=20), SPACE, InputShape(3, 32, 32), 10, V2)
    assert count_params(big) == 3_349_342
    assert round(count_macs(Standalone(big, V2), InputShape(3, 32, 32)) / 1e6) == 528
    assert big.standalone(V2).arch == V2


def test_macs_by_hand() -> None:
    """The smallest network, with skip connections at stride 1 and pools: stem, cells' inputs, classifier."""
    text = DARTS_V2
    for name in OPERATIONS[3:]:
        text = text.replace(name, "max_pool_3x3")
    alone = DARTSNetwork(Config(channels=2, cells=3), SPACE, SHAPE, outputs=3).standalone(SPACE.parse(text))
    stem = 64 * 9 * 6
    first = 64 * (6 * 2 + 6 * 2)  # normal, 2 channels a node
    second = 64 * (6 * 4 + 8 * 4)  # reduction, 4
    third = 16 * (8 * 8 + 16 * 8)  # reduction, 8; its first input is halved on the way
    assert count_macs(alone, SHAPE) == stem + first + second + third + 32 * 3 + 3
    assert not [name for name, _ in alone.named_parameters() if "edges" in name]


def test_standalone_gives_the_super_nets_logits(
    net: DARTSNetwork, x: torch.Tensor, rng: np.random.Generator
) -> None:
    for arch in [V2, *(SPACE.sample(rng) for _ in range(4))]:
        alone = net.extract(arch)
        assert set(alone.net.state_dict()) < set(net.state_dict())
        torch.testing.assert_close(alone(x), net(x, arch), rtol=0, atol=0)


def test_isomorphic_architectures_are_the_same_function(x: torch.Tensor) -> None:
    """Swap nodes 2 and 3 of both cells with their weights, and the columns of the next cells' weights."""
    first, second = (("sep_conv_3x3", 0), ("skip_connect", 1)), (("dil_conv_5x5", 0), ("max_pool_3x3", 1))
    rest = (("skip_connect", 0), ("sep_conv_5x5", 2), ("avg_pool_3x3", 1), ("skip_connect", 3))
    swapped_rest = (("skip_connect", 0), ("sep_conv_5x5", 3), ("avg_pool_3x3", 1), ("skip_connect", 2))

    def arch(*edges: tuple[str, int]) -> Arch:
        cell = list(edges)
        return SPACE.parse(
            f"Genotype(normal={cell}, normal_concat=range(2, 6), reduce={cell}, reduce_concat=range(2, 6))"
        )

    one, other = arch(*first, *second, *rest), arch(*second, *first, *swapped_rest)
    assert one != other
    assert SPACE.canonical(one) == SPACE.canonical(other)
    net = DARTSNetwork(Config(channels=2, cells=3), SPACE, SHAPE, outputs=3).double()
    a, b = net.extract(one).net.double(), net.extract(other).net.double()
    place = {0: 0, 1: 1, 2: 3, 3: 2, 4: 4, 5: 5}
    columns, moved = [1, 0, 2, 3], {}
    for key, value in a.state_dict().items():
        parts = key.split(".")
        if "edges" in parts:
            source, target = EDGES[int(parts[3])]
            parts[3] = str(EDGES.index((place[source], place[target])))
        elif key == "classifier.weight" or ("inputs" in parts and value.dim() == 4 and value.shape[1] > 6):
            # What reads a joined output, not the stem's 6 channels.
            value = value.view(len(value), 4, -1)[:, columns].reshape(value.shape)
        moved[".".join(parts)] = value
    b.load_state_dict(moved)
    torch.testing.assert_close(b(x.double(), other), a(x.double(), one))
    assert not torch.allclose(net.extract(other).double()(x.double()), a(x.double(), one))


def test_a_one_hot_mixture_is_the_path(net: DARTSNetwork, x: torch.Tensor) -> None:
    torch.testing.assert_close(net(x, one_hot(V2)), net(x, V2))


def test_a_mixture_uses_every_operation_and_all_weights_learn(net: DARTSNetwork, x: torch.Tensor) -> None:
    weights = torch.full((28, 8), 1 / 8, requires_grad=True)
    net(x, Mixture(tuple(weights))).square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    assert weights.grad is not None
    assert (weights.grad[:, 1:] != 0).all()
    assert (weights.grad[:, NONE] == 0).all()  # it adds nothing; only softmax ties it to the others


def test_factors_of_edges(net: DARTSNetwork, x: torch.Tensor) -> None:
    """Factors 0 for the edges that an architecture lacks and 1 for the others give the architecture."""
    weights = tuple(torch.eye(8)[max(choice, 4)] for choice in V2.choices)
    kept = torch.tensor([float(choice != NONE) for choice in V2.choices])
    arch = SPACE.arch(tuple(max(c, 4) if c != NONE else NONE for c in V2.choices))
    torch.testing.assert_close(net(x, Mixture(weights, edges=kept)), net(x, arch))
    assert not torch.allclose(net(x, Mixture(weights)), net(x, arch))


def test_only_the_path_gets_a_gradient(net: DARTSNetwork, x: torch.Tensor) -> None:
    net(x, V2).sum().backward()
    for name, p in net.named_parameters():
        if "edges" not in name:
            assert p.grad is not None, name
            continue
        _, cell, _, edge, operation, *_ = name.split(".")
        # Of 4 cells, number 1 and 2 reduce.
        choice = V2.choices[int(edge) + (14 if cell in "12" else 0)]
        assert (p.grad is not None) == (operation == OPERATIONS[choice]), name


def test_nodes_without_any_operation_are_zero(net: DARTSNetwork, x: torch.Tensor) -> None:
    nothing = Mixture(tuple(torch.eye(8)[NONE] for _ in range(28)), active=(NONE,) * 28)
    logits = net(x, nothing)
    torch.testing.assert_close(logits, net.classifier.bias.expand_as(logits))


@pytest.mark.parametrize(("height", "width", "channels"), [(14, 14, 1), (7, 9, 3), (5, 5, 2), (32, 32, 3)])
def test_any_input_size(height: int, width: int, channels: int, rng: np.random.Generator) -> None:
    config, shape = Config(channels=3, cells=3, auxiliary=0.4), InputShape(channels, height, width)
    net = DARTSNetwork(config, SPACE, shape, outputs=7)
    images, uniform = torch.randn(2, channels, height, width), Mixture(tuple(torch.full((28, 8), 1 / 8)))
    assert net(images, uniform).shape == (2, 7)
    arch = SPACE.sample(rng)
    training = net.for_training(arch).net.training_outputs(images, arch, 0.5, torch.Generator())
    assert [outputs.shape for _, outputs in training] == [(2, 7), (2, 7)]


def test_partial_channels(x: torch.Tensor) -> None:
    net = DARTSNetwork(Config(channels=8), SPACE, SHAPE, outputs=3, **PCDARTS().network_options())
    assert net.cells[0].edges[0]["dil_conv_3x3"][2].weight.shape == (2, 2, 1, 1)  # type: ignore[index]
    assert net(x, Mixture(tuple(torch.full((28, 8), 1 / 8)))).shape == (4, 3)
    assert net(x, V2).shape == (4, 3)
    with pytest.raises(LmregError, match="partial channels"):
        net.extract(V2)
    with pytest.raises(LmregError, match=r"a multiple of 4; network\.channels=6"):
        DARTSNetwork(Config(channels=6), SPACE, SHAPE, outputs=3, partial=4)


def test_recalibrated_statistics_of_a_path(net: DARTSNetwork, x: torch.Tensor) -> None:
    """After one batch the running statistics are that batch's, up to the variance's denominator."""
    with torch.no_grad(), recalibrated(net) as fix:
        fix(V2, [Batch(x, torch.zeros(4))])
        together, alone = net(x, V2), torch.cat([net(image[None], V2) for image in x])
    torch.testing.assert_close(together, alone)  # no image sees another


def auxiliary(**options: float) -> Standalone:
    config = Config(channels=4, cells=3, **options)  # type: ignore[arg-type]
    with initialised(0):
        return DARTSNetwork(config, SPACE, SHAPE, outputs=3).for_training(V2)


def test_the_auxiliary_head_is_for_training_only(x: torch.Tensor) -> None:
    with_head, without = auxiliary(auxiliary=0.4), auxiliary()
    net: SuperNet = with_head.net
    assert without.net.head is None
    extra = set(net.state_dict()) - set(without.net.state_dict())
    assert extra == {name for name in net.state_dict() if name.startswith("head.")} != set()
    for name, value in without.net.state_dict().items():  # the rest begins as it would without
        assert torch.equal(net.state_dict()[name], value)
    assert torch.equal(with_head(x), without(x))
    super_net = DARTSNetwork(Config(channels=4, auxiliary=0.4), SPACE, SHAPE, outputs=3)
    assert super_net.head is None
    assert count_params(super_net.standalone(V2)) == count_params(without)
    assert set(super_net.extract(V2).net.state_dict()) == set(without.net.state_dict())


def test_its_loss_counts_with_its_weight(x: torch.Tensor) -> None:
    net, targets = auxiliary(auxiliary=0.4).net, torch.tensor([0, 1, 2, 0])
    streams = Streams(0, CPU)
    ctx = make_context(SPACE, net, streams, 10)
    (one, main), (weight, second) = net.training_outputs(x, V2, 0.0, streams.drop)
    assert (one, weight) == (1.0, 0.4)
    loss = ctx.task.loss
    expected = loss(main, targets) + 0.4 * loss(second, targets)
    torch.testing.assert_close(ctx.standalone_loss(V2, Batch(x, targets)), expected)
    torch.testing.assert_close(ctx.loss(V2, Batch(x, targets)), loss(main, targets))
    ctx.standalone_loss(V2, Batch(x, targets)).backward()
    assert all(p.grad is not None for p in net.parameters())
    make_optimizer(TrainerConfig(), net).step()


def test_drop_path_grows_and_draws_from_its_own_stream(x: torch.Tensor) -> None:
    net = auxiliary(drop_path=0.5).net
    noise = torch.Generator().manual_seed(0)
    before = noise.get_state()
    (_, start), *none = net.training_outputs(x, V2, 0.0, noise)
    assert none == []
    assert torch.equal(start, net(x, V2))
    assert torch.equal(noise.get_state(), before)
    ((_, end),) = net.training_outputs(x, V2, 1.0, noise)
    assert not torch.equal(end, start)
    noise.set_state(before)
    torch.manual_seed(5)  # torch's own generator plays no part
    ((_, again),) = net.training_outputs(x, V2, 1.0, noise)
    assert torch.equal(again, end)
    assert torch.equal(net(x, V2), start)  # nor does it stay


def test_drop_path_keeps_the_mean_and_leaves_identities_alone(net: DARTSNetwork) -> None:
    seen: list[torch.Tensor] = []

    def watched(value: torch.Tensor) -> torch.Tensor:
        seen.append(value)
        return value

    last = torch.randn(2, 12, 8, 8)
    net.cells[0](last, last, V2, watched)
    assert len(seen) == sum(c not in (NONE, OPERATIONS.index("skip_connect")) for c in V2.choices[:14]) == 6
    ones, noise = torch.ones(4000, 1, 1, 1), torch.Generator().manual_seed(0)
    dropped = drop_path(ones, 0.25, noise).flatten()
    torch.testing.assert_close(dropped.unique(), torch.tensor([0, 4 / 3]))
    # Five standard deviations of the mean of 4,000 values of variance p / (1 - p).
    assert abs(dropped.mean().item() - 1) < 5 * (1 / 3 / 4000) ** 0.5
