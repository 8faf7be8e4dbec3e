"""What holds for every score of the catalogue."""

from __future__ import annotations

import math

import pytest
import torch
from tests.proxy.networks import (
    CLASSES,
    DEAD,
    EVERY_OPERATION,
    cell_network,
    probed,
    proxies,
    random_batches,
    row,
)
from torch import Tensor, nn

from lmreg.data.base import InputShape
from lmreg.data.images import Batch
from lmreg.network.base import Standalone
from lmreg.proxy.probe import Probe

NAMES = list(proxies())
OF_NOISE = ["expressivity", "progressivity", "trainability", "vkdnw", "zen"]
SIZES = ["macs", "params"]


def worst_first(score: float) -> float:
    """A score as those who rank by it take it: NaN and infinities are worst."""
    return score if math.isfinite(score) else -math.inf


def state(net: Standalone) -> dict[str, object]:
    """All of a network that a score might change."""
    return {
        "values": {key: value.clone() for key, value in net.state_dict(keep_vars=True).items()},
        "versions": {key: value._version for key, value in net.state_dict(keep_vars=True).items()},
        "trained": [parameter.requires_grad for parameter in net.parameters()],
        "modes": [module.training for module in net.modules()],
        "hooks": [
            (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in net.modules()
        ],
        "attributes": [sorted(vars(module)) for module in net.modules()],
    }


def same(one: dict[str, object], other: dict[str, object]) -> bool:
    """Whether two states are equal."""
    values, others = one["values"], other["values"]
    assert isinstance(values, dict)
    assert isinstance(others, dict)
    equal = values.keys() == others.keys() and all(torch.equal(values[key], others[key]) for key in values)
    return equal and all(one[key] == other[key] for key in one.keys() - {"values"})


@pytest.mark.parametrize("training", [True, False])
def test_scores_change_neither_network_nor_images(training: bool) -> None:
    net, batches = cell_network().train(training), random_batches()
    before, images = state(net), [batch.images.clone() for batch in batches]
    randomness = torch.get_rng_state()
    for name, proxy in proxies().items():
        proxy.score(probed(net, batches))
        assert same(before, state(net)), name
        assert all(parameter.grad is None for parameter in net.parameters()), name
        assert all(torch.equal(a, b.images) for a, b in zip(images, batches, strict=True)), name
        assert not any(batch.images.requires_grad for batch in batches), name
        assert torch.equal(randomness, torch.get_rng_state()), name
        assert torch.is_grad_enabled(), name


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_score(name: str) -> None:
    proxy = proxies()[name]
    first, second = (proxy.score(probed(cell_network())) for _ in range(2))
    assert first == second
    assert math.isfinite(first)
    other = proxy.score(probed(cell_network(), seed=1))
    assert (other != first) == (name in OF_NOISE)


@pytest.mark.parametrize("name", NAMES)
def test_other_images_give_another_score_where_images_matter(name: str) -> None:
    proxy = proxies()[name]
    one, other = (proxy.score(probed(cell_network(), random_batches(seed=seed))) for seed in (0, 1))
    assert (one == other) == (name in (*OF_NOISE, *SIZES, "synflow"))


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(SIZES)))
def test_a_dead_network_is_worst(name: str) -> None:
    proxy = proxies()[name]
    dead, live = (proxy.score(probed(cell_network(text))) for text in (DEAD, EVERY_OPERATION))
    assert worst_first(dead) < worst_first(live)


class Constant(nn.Module):
    """A block whose output is always zero."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


class Overflowing(nn.Module):
    """A block whose output isn't finite."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.inf


def conv() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3), nn.ReLU())


DEGENERATE = {
    "without blocks": (),
    "constant": (Constant(), conv()),
    "constant at its end": (conv(), Constant()),
    "not finite": (conv(), Overflowing(), conv()),
    "without rectifiers": (nn.Identity(), nn.Identity()),
}


def scores(probe: Probe) -> dict[str, float]:
    """Every score of one probe; each must be a number, be it NaN or infinite."""
    found = {name: proxy.score(probe) for name, proxy in proxies().items()}
    assert {name: type(score) for name, score in found.items()} == dict.fromkeys(NAMES, float)
    return found


@pytest.mark.parametrize("kind", DEGENERATE)
def test_degenerate_networks_have_scores_too(kind: str) -> None:
    scores(probed(row(*DEGENERATE[kind], features=3, outputs=CLASSES)))


def test_images_that_are_all_the_same_have_scores_too() -> None:
    given = random_batches()
    scores(
        probed(cell_network(), [Batch(torch.ones_like(b.images), torch.zeros_like(b.targets)) for b in given])
    )


def test_one_pixel_and_two_images_suffice() -> None:
    scores(probed(cell_network(), random_batches(images=2, shape=InputShape(3, 1, 1))))


def test_parts_that_are_not_trained_are_left_out() -> None:
    """As in an encoder that stays as it is."""
    frozen, whole = cell_network(), cell_network()
    frozen.net.get_submodule("stem").requires_grad_(False)
    of_frozen, of_whole = scores(probed(frozen)), scores(probed(whole))
    assert all(map(math.isfinite, of_frozen.values()))
    for name in ("synflow", "zico", "grad_norm", "snip", "fisher"):
        assert of_frozen[name] < of_whole[name], name
    for name in (*SIZES, "nwot", "jacob_cov", "expressivity", "progressivity", "trainability", "vkdnw"):
        assert of_frozen[name] == of_whole[name], name
