"""Checks of the interface of super-nets, see `lmreg.network.base.SuperNet`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from lmreg.data.base import InputShape
from lmreg.network.base import MIXTURES, Standalone, SuperNet, plain_norms
from lmreg.network.mixture import Mixture
from lmreg.space.base import Arch, Space
from lmreg.testing.fault import RANDOM, require
from lmreg.testing.function import check_keys

NetworkCheck = Callable[[SuperNet, Space, InputShape, np.random.Generator], None]

SAMPLES = 6
"""Architectures that each check uses."""
IMAGES = 6


def check_network(net: SuperNet, space: Space, shape: InputShape, seed: int = 0) -> None:
    """Run all `NETWORK_CHECKS`, each with a new generator from ``seed``; the first that fails raises `Fault`.

    ``net`` is a super-net of the whole ``space`` for images of ``shape``, on the CPU; it isn't changed.
    """
    for check in NETWORK_CHECKS:
        check(net, space, shape, np.random.default_rng(seed))


def check_paths(net: SuperNet, space: Space, shape: InputShape, rng: np.random.Generator) -> None:
    """Check that a path's outputs depend only on weights, images and architecture, not on earlier calls."""
    require(isinstance(space, net.of_space), f"it holds {net.of_space.__name__}, not {type(space).__name__}")
    net, x = _prepared(net, space, shape, rng)
    state = copy.deepcopy(net.state_dict())
    archs = _samples(space, rng)
    first = [net(x, arch).detach() for arch in archs]
    for arch, logits in zip(archs, first, strict=True):
        rest = [shape.height, shape.width] if net.dense else []
        expected = f"[{IMAGES}, outputs{''.join(f', {side}' for side in rest)}]"
        require(
            logits.ndim == 2 + len(rest) and list(logits.shape) == [IMAGES, first[0].shape[1], *rest],
            f"{arch.id} has outputs {list(logits.shape)}; expected {expected}",
        )
        require(bool(torch.isfinite(logits).all()), f"the logits of {arch.id} aren't finite")
        require(torch.equal(net(x, arch), logits), f"{arch.id} gives other logits after other paths")
    require(any(not torch.equal(one, first[0]) for one in first), "all architectures give the same logits")
    changed = [name for name, value in net.state_dict().items() if not torch.equal(value, state[name])]
    for name in changed:
        advice = "; use lmreg.network.base.batch_norm" if "running_" in name else ""
        require(False, f"evaluating paths changes {name}{advice}")


def check_standalone(net: SuperNet, space: Space, shape: InputShape, rng: np.random.Generator) -> None:
    """Check that an architecture's network gives the super-net's logits if its weights are copied.

    In double precision, as normalising nearly equal values magnifies rounding errors.
    """
    whole, x = _prepared(net, space, shape, rng)
    for arch, alone in _extracted(whole, space, rng):
        known = whole.state_dict().keys() | plain_norms(whole)
        extra = sorted(alone.net.state_dict().keys() - known)
        require(not extra, f"the network of {arch.id} has parts that the super-net lacks: {', '.join(extra)}")
        gap = _gap(alone(x), whole(x, arch))
        require(gap < 1e-7, f"{arch.id} alone gives other logits than in the super-net, by up to {gap:.1e}")


def check_gradients(net: SuperNet, space: Space, shape: InputShape, rng: np.random.Generator) -> None:
    """Check that a path's gradients reach only the weights of its own network, with the same norms.

    Batch norms' scale and shift that the super-net lacks are ignored.
    """
    whole, x = _prepared(net, space, shape, rng)
    for arch, alone in _extracted(whole, space, rng):
        for logits in (whole(x, arch), alone(x)):
            logits.square().sum().backward()
        mine, expected = _gradients(whole), _gradients(alone.net)
        for name in plain_norms(whole) & expected.keys():
            del expected[name]
        for name in [name for name, gradient in mine.items() if gradient.any()]:
            require(name in expected, f"{arch.id} sends a gradient to {name}, which is no part of it")
            size = expected[name].numel()
            require(
                int((mine[name] != 0).sum()) <= size,
                f"{arch.id} has {size} weights in {name}, but sends a gradient to more",
            )
        for name in expected:
            sizes = float(mine[name].norm()), float(expected[name].norm())
            require(
                abs(sizes[0] - sizes[1]) <= 1e-7 + 1e-5 * sizes[1],
                f"{arch.id} sends {name} a gradient of norm {sizes[0]:.6g}; alone it is {sizes[1]:.6g}",
            )


def check_mixtures(net: SuperNet, space: Space, shape: InputShape, rng: np.random.Generator) -> None:
    """Check that a mixture with weight 1 for an architecture's options is that path and is discretised to it.

    Super-nets without mixtures pass.
    """
    if MIXTURES not in net.offers:
        return
    net, x = _prepared(net, space, shape, rng)
    for arch in _samples(space, rng):
        counts = [len(options) for options in space.options]
        weights = tuple(torch.eye(n).double()[c] for n, c in zip(counts, arch.choices, strict=True))
        ones = torch.ones(len(counts)).double()
        path = net(x, arch)
        for mixture in (Mixture(weights), Mixture(weights, arch.choices), Mixture(weights, edges=ones)):
            gap = _gap(net(x, mixture), path)
            require(gap < 1e-7, f"the mixture of {arch.id} only is not its path; off by up to {gap:.1e}")
        rows = [row.numpy() for row in weights]
        for found in (space.strongest(rows), space.sample_from(rows, rng)):
            require(found == arch, f"the mixture of {arch.id} only is discretised to {found.id}")


NETWORK_CHECKS: tuple[NetworkCheck, ...] = (
    *(check_paths, check_standalone, check_gradients, check_mixtures, check_keys),
)


def _samples(space: Space, rng: np.random.Generator) -> list[Arch]:
    return [space.sample(rng) for _ in range(SAMPLES)]


def _prepared(
    net: SuperNet, space: Space, shape: InputShape, rng: np.random.Generator
) -> tuple[SuperNet, Tensor]:
    """Return a copy in double precision, with noise on all weights, as initial values of 0 or 1 would hide
    faults, and images of noise, float64 [IMAGES, channels, height, width].

    A copy that gives other logits the second time is refused, as checks would blame other parts for it.
    """
    net = copy.deepcopy(net)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.from_numpy(rng.standard_normal(parameter.shape)).to(parameter))
    net.double()
    x = torch.from_numpy(rng.standard_normal((IMAGES, shape.channels, shape.height, shape.width)))
    arch = space.sample(np.random.default_rng(0))
    with torch.no_grad():
        same = torch.allclose(net(x, arch), net(x, arch), rtol=0, atol=0, equal_nan=True)
    require(same, f"{arch.id} {RANDOM}")
    return net, x


def _extracted(whole: SuperNet, space: Space, rng: np.random.Generator) -> Iterator[tuple[Arch, Standalone]]:
    """Yield architectures and their extracted networks in double precision; reset the gradients of ``whole``.

    The single precision of extraction loses nothing, as the weights were single-precision numbers before.
    """
    for arch in _samples(space, rng):
        whole.zero_grad()
        yield arch, whole.extract(arch).double()


def _gap(one: Tensor, other: Tensor) -> float:
    return float((one - other).detach().abs().max())


def _gradients(net: nn.Module) -> dict[str, Tensor]:
    """Return gradients by parameter name; zeros for parameters without one."""
    return {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in net.named_parameters()}
