from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.testing.toy import Toy, ToyNet, broken
from torch import Tensor, nn

from lmreg.config import catalogue
from lmreg.config.build import choice_of
from lmreg.data.base import InputShape
from lmreg.network.base import Standalone, SuperNet
from lmreg.network.mixture import Choice, Mixture
from lmreg.space.base import Arch, Space
from lmreg.space.nasbench201 import NASBench201
from lmreg.testing import NETWORK_CHECKS, Fault, check_network
from lmreg.testing import network as checks
from lmreg.testing.function import check_keys

SHAPE = InputShape(1, 8, 8)
Held = tuple[SuperNet, Space]


@pytest.fixture(scope="module", params=catalogue.choices("space"))
def every_network(request: pytest.FixtureRequest) -> Held:
    """The default super-net of a space, but narrower, as faults don't depend on the width."""
    cls, config = choice_of("space", request.param, Space)
    space = cls(config)  # type: ignore[call-arg]
    network, options = choice_of("network", request.param, SuperNet)
    # Those of NAS-Bench-101 can be divided among two, three and four vertices, evenly each.
    options.channels = 24 if request.param == "nasbench101" else 4
    torch.manual_seed(0)
    return network(options, space, SHAPE, 5), space


@pytest.mark.parametrize("check", NETWORK_CHECKS)
def test_every_space_of_the_catalogue(
    every_network: Held, check: checks.NetworkCheck, rng: np.random.Generator
) -> None:
    # Networks that halve the resolution often make single pixels of small images.
    side = {"macro": 16, "depth_decoder": 32}.get(every_network[1].name, 8) if check is check_keys else 8
    check(*every_network, InputShape(1, side, side), rng)


def made(cls: type[ToyNet]) -> Held:
    torch.manual_seed(0)
    return cls(Toy(), SHAPE), Toy()


def test_a_network_of_ones_own_which_is_left_as_it_was() -> None:
    net, space = made(ToyNet)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    check_network(net, space, SHAPE)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


class Remembering(ToyNet):
    """Keeps running statistics, which mix those of all paths."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.norm = nn.BatchNorm2d(4)


class Growing(ToyNet):
    """Depends on the number of architectures that were evaluated before."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.seen: set[Choice] = set()

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        self.seen.add(choice)
        return super().forward(x, choice) * len(self.seen)


class Dropping(ToyNet):
    """Has dropout."""

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        return super().forward(F.dropout(x), choice)


class Deaf(ToyNet):
    """Evaluates the same architecture for every choice."""

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        return super().forward(x, Arch("toy", (0, 0, 0, 0)))


class Forgetful(ToyNet):
    """Extracts networks without copying weights."""

    def extract(self, arch: Arch) -> Standalone:
        return self.standalone(arch)


class Wide(ToyNet):
    """Builds stand-alone networks with all parts and one that the super-net lacks."""

    def standalone(self, arch: Arch) -> Standalone:
        alone = Standalone(ToyNet(*self._parts), arch)
        alone.net.more = nn.Linear(1, 1)
        return alone

    def extract(self, arch: Arch) -> Standalone:
        alone = self.standalone(arch)
        alone.net.load_state_dict(self.state_dict(), strict=False)
        return alone


class Touching(ToyNet):
    """Sends a gradient to all operations."""

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        others = sum(p.sum() for p in self.edges.parameters())
        return super().forward(x, choice) * (1 + others - others.detach())  # type: ignore[attr-defined]


class Detaching(ToyNet):
    """Gives the stem no gradient, unlike stand-alone networks."""

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        whole = all(len(edge) == 2 for edge in self.edges)  # type: ignore[arg-type]
        self.stem.requires_grad_(not whole)
        return super().forward(x, choice)


class Softened(ToyNet):
    """Evaluates mixtures wrongly."""

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        return super().forward(x, choice) * (0.9 if isinstance(choice, Mixture) else 1)


class Edgeless(ToyNet):
    """Evaluates only mixtures with factors of edges wrongly."""

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        factors = choice.edges if isinstance(choice, Mixture) else None
        return super().forward(x, choice) * (1 if factors is None else factors.sum())


FAULTS: list[tuple[checks.NetworkCheck, type[ToyNet], str]] = [
    (
        checks.check_paths,
        Remembering,
        r"evaluating paths changes norm\.running_mean; use lmreg\.network\.base\.batch_norm$",
    ),
    *((check, Dropping, "other logits when it is evaluated again; .* dropout") for check in NETWORK_CHECKS),
    (checks.check_paths, Growing, "other logits after other paths"),
    (checks.check_paths, Deaf, "all architectures give the same logits"),
    (checks.check_paths, broken(ToyNet, of_space=broken(Toy)), "it holds Broken, not Toy"),
    (
        checks.check_paths,
        broken(ToyNet, forward=lambda self, x, choice: ToyNet.forward(self, x, choice).mean(0)),
        r"has outputs \[3\]; expected \[6, outputs\]",
    ),
    (
        checks.check_paths,
        broken(ToyNet, forward=lambda self, x, choice: ToyNet.forward(self, x, choice) / 0),
        "aren't finite",
    ),
    (checks.check_standalone, Forgetful, "alone gives other logits than in the super-net"),
    (checks.check_standalone, Wide, "has parts that the super-net lacks: more.bias, more.weight"),
    (checks.check_gradients, Touching, "sends a gradient to edges.*, which is no part of it"),
    (checks.check_gradients, Detaching, r"sends stem.weight a gradient of norm 0; alone it is \d"),
    (checks.check_mixtures, Softened, "only is not its path"),
    (checks.check_mixtures, Edgeless, "only is not its path"),
]


def test_each_check_is_seen_to_fail() -> None:
    assert {fault[0] for fault in FAULTS} | {check_keys} == set(NETWORK_CHECKS)


@pytest.mark.parametrize(
    ("check", "cls", "fault"), FAULTS, ids=[f"{c.__name__}-{n.__name__}" for c, n, _ in FAULTS]
)
def test_a_broken_network_is_found_out(
    check: checks.NetworkCheck, cls: type[ToyNet], fault: str, rng: np.random.Generator
) -> None:
    with pytest.raises(Fault, match=fault):
        check(*made(cls), SHAPE, rng)


def test_weights_beyond_those_of_the_own_network_get_no_gradient(rng: np.random.Generator) -> None:
    """Like `Touching`, but within a parameter of which the network has only a part."""

    class Part(ToyNet):
        def standalone(self, arch: Arch) -> Standalone:
            alone = super().standalone(arch)
            alone.net.classifier = nn.Linear(4, 2)
            return alone

        def extract(self, arch: Arch) -> Standalone:
            alone, mine = self.standalone(arch), self.state_dict()
            cut = {k: mine[k][: len(v)] for k, v in alone.net.state_dict().items()}
            alone.net.load_state_dict(cut)
            return alone

    with pytest.raises(Fault, match=r"has 8 weights in classifier\.weight, but sends a gradient to more"):
        checks.check_gradients(*made(Part), SHAPE, rng)


def test_a_space_that_discretises_wrongly_is_found_out(rng: np.random.Generator) -> None:
    net, _ = made(ToyNet)
    space = broken(Toy, strongest=lambda self, weights: self.arch((0, 1, 2, 0)))()
    with pytest.raises(Fault, match=r"is discretised to toy-0\.1\.2\.0"):
        checks.check_mixtures(net, space, SHAPE, rng)


TWO_KEYS, ONE_KEY = "are one function but have two keys", "share their key but are not one function"


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        (lambda self, arch: self.format(arch), TWO_KEYS),  # the order of operations doesn't matter
        # Two convolutions that are added up aren't one.
        (lambda self, arch: "+".join(sorted(set(self.format(arch).split("+")))), ONE_KEY),
        (lambda self, arch: str(sum(arch.choices)), ONE_KEY),
    ],
)
def test_a_key_that_is_not_the_functions_is_found_out(
    key: Callable[[Toy, Arch], str], fault: str, rng: np.random.Generator
) -> None:
    net, space = made(ToyNet)
    check_keys(net, space, SHAPE, rng)
    with pytest.raises(Fault, match=fault):
        check_keys(net, broken(Toy, canonical=key)(), SHAPE, rng)


class Published(NASBench201):
    """The benchmark's key, which separates sums with zeros or after skip connections, and ignores which node
    is read twice."""

    def canonical(self, arch: Arch) -> str:
        return self.benchmark_key(arch)


def without_sharing(self: NASBench201, arch: Arch) -> str:
    return NASBench201.canonical(self, arch).partition(" #")[0]


@pytest.mark.parametrize(
    ("cls", "fault"),
    [
        (Published, f"{TWO_KEYS}|{ONE_KEY}"),
        (broken(NASBench201, canonical=without_sharing), ONE_KEY),
    ],
)
def test_keys_of_nasbench201_that_are_not_the_functions_are_found_out(
    net: SuperNet, cls: type[NASBench201], fault: str
) -> None:
    def told(seed: int) -> str:
        try:
            check_keys(net, cls(), SHAPE, np.random.default_rng(seed))
        except Fault as error:
            return str(error)
        return ""

    found = [text for text in map(told, range(4)) if text]
    assert len(found) >= 2
    assert all(re.search(fault, text) for text in found)


def test_all_checks_are_run() -> None:
    net, _ = made(ToyNet)
    with pytest.raises(Fault, match=TWO_KEYS):  # the last of them
        check_network(net, broken(Toy, canonical=Toy.format)(), SHAPE)
