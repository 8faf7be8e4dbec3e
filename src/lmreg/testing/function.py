"""Checks that architectures of a space share a key exactly if they are one function in its super-net."""

from __future__ import annotations

import copy
import functools
import itertools
from collections import defaultdict

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from lmreg.data.base import InputShape
from lmreg.network.base import SuperNet
from lmreg.space.base import Arch, Space
from lmreg.testing.fault import RANDOM, require

SEEDS = 2
"""Architectures with few kinds of options, near which isomorphic architectures are searched."""
STEPS = 60
EACH = 8
"""Isomorphism classes with several members that are checked near each, and as many single architectures."""
IMAGES = 8
WEIGHTS = 3
"""A fault is reported only if it occurs with this many sets of weights."""
_TOLERANCE = 1e-6
_PERIOD = 2


def check_keys(net: SuperNet, space: Space, shape: InputShape, rng: np.random.Generator) -> None:
    """Check that architectures share a key if and only if they are one function with matched weights.

    Layers of one shape get equal weights, so that they are interchangeable. Architectures are then the same
    function if they give equal outputs and gradients of equal norm; the latter separates a layer that is used
    twice from two layers. Every second channel has the same weights, so that the order of concatenated nodes
    doesn't matter; nodes need an even number of channels for that. The images must be so large that the
    smallest maps aren't single pixels, on which pooling has no effect.
    """
    first, *others = (_Fingerprint(net, shape, rng) for _ in range(WEIGHTS))
    for _ in range(SEEDS):
        archs = _around(space, rng)
        keys, found = [space.canonical(arch) for arch in archs], [first(arch) for arch in archs]
        require(_alike(found[0], first(archs[0])), f"{archs[0].id} {RANDOM}")
        for i, j in itertools.combinations(range(len(archs)), 2):
            one = keys[i] == keys[j]
            if _alike(found[i], found[j]) == one:
                continue
            problem = (
                "share their key but are not one function" if one else "are one function but have two keys"
            )
            # With some weights this happens by chance, for example if an activation is zero up to rounding.
            require(
                any(_alike(other(archs[i]), other(archs[j])) == one for other in others),
                f"{archs[i].id} and {archs[j].id} {problem}",
            )


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return float(np.abs(one - other).max()) < _TOLERANCE


class _Fingerprint:
    """Maps architectures to vectors that are equal for one function, whichever layers of a kind they use."""

    def __init__(self, net: SuperNet, shape: InputShape, rng: np.random.Generator):
        self._untied, self._kinds = net, _drawn(net, rng)
        drawn = rng.standard_normal((IMAGES, shape.channels, shape.height, shape.width))
        self._x, self._rng = torch.from_numpy(drawn), rng
        self._projection: Tensor | None = None

    @functools.cached_property
    def _net(self) -> SuperNet:
        # Lazy, as a copy takes long and most sets of weights are needed only if there seems to be a fault.
        return _tied(self._untied, self._kinds)

    @functools.cached_property
    def _weights(self) -> list[nn.Parameter]:
        constant = {id(m.bias) for m in self._net.modules() if isinstance(m, _NormBase) and m.affine}
        return [p for p in self._net.parameters() if id(p) not in constant]

    def __call__(self, arch: Arch) -> np.ndarray:
        """Return outputs and two sums over layers' gradients, scaled to about 1."""
        outputs = self._net(self._x, arch)
        if self._projection is None:
            self._projection = torch.from_numpy(self._rng.standard_normal(outputs.shape))
        loss = (outputs * self._projection).sum()
        gradients = torch.autograd.grad(loss, self._weights, allow_unused=True)
        squares = torch.stack([g.square().sum() for g in gradients if g is not None])
        sums = torch.stack([squares.sum(), squares.square().sum()]).log1p()
        values = outputs.detach().flatten()
        return torch.cat([values / (1 + values.abs().max()), sums]).numpy()


_Kind = tuple[str, tuple[int, ...]]
"""The last part of a parameter's name, its number of channel dimensions, and its further sizes."""


def _kind_of(name: str, parameter: Tensor) -> _Kind:
    return name.rpartition(".")[2], (len(parameter.shape[:2]), *parameter.shape[2:])


def _drawn(net: SuperNet, rng: np.random.Generator) -> dict[_Kind, Tensor]:
    """Draw values for the weights of every kind."""
    drawn: dict[_Kind, Tensor] = {}
    for name, parameter in net.named_parameters():
        kind = _kind_of(name, parameter)
        if kind not in drawn:
            sizes = (_PERIOD,) * kind[1][0] + kind[1][1:]
            drawn[kind] = torch.from_numpy(rng.standard_normal(sizes))
    return drawn


def _tied(net: SuperNet, drawn: dict[_Kind, Tensor]) -> SuperNet:
    """Return a copy in double precision whose weights depend only on their kind and shape.

    Normalisations have zero biases, so that they map zeros to zeros, and a negligible epsilon.
    """
    net = copy.deepcopy(net).double()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            value = drawn[_kind_of(name, parameter)]
            for dim, count in enumerate(parameter.shape[:2]):
                value = value.index_select(dim, torch.arange(count) % _PERIOD)
            parameter.copy_(value / max(1, parameter[0].numel()) ** 0.5)
    for layer in net.modules():
        if isinstance(layer, _NormBase):
            layer.eps = 1e-12
            if layer.affine:
                nn.init.zeros_(layer.bias)
    return net


def _around(space: Space, rng: np.random.Generator) -> list[Arch]:
    """Return architectures near one with few kinds of options; many of them are isomorphic."""
    centre = _plain(space, rng)
    near = [centre, *space.neighbours(centre)]
    for arch in [near[i] for i in rng.permutation(len(near))[:EACH]]:
        near += space.neighbours(arch)
    near = list(dict.fromkeys(near))
    by_key: dict[str, list[Arch]] = defaultdict(list)
    for index in rng.permutation(len(near)):
        by_key[space.canonical(near[index])].append(near[index])
    several = [archs[:2] for archs in by_key.values() if len(archs) > 1]
    chosen = [arch for archs in several[:EACH] for arch in archs]
    alone = [archs[0] for archs in by_key.values() if archs[0] not in chosen]
    return chosen + alone[:EACH]


def _plain(space: Space, rng: np.random.Generator) -> Arch:
    """Return an architecture with mostly two kinds of options, such as skip connections and one convolution.

    It is found by a walk over neighbours that never reduces the number of such options.
    """
    kinds = sorted({_kind(name) for names in space.options for name in names})
    wanted = set(rng.choice(kinds, min(2, len(kinds)), replace=False).tolist())

    def fit(arch: Arch) -> int:
        return sum(_kind(o[c]) in wanted for o, c in zip(space.options, arch.choices, strict=True))

    arch = space.sample(rng)
    for _ in range(STEPS):
        near = space.neighbours(arch)
        other = near[int(rng.integers(len(near)))]
        if fit(other) >= fit(arch):
            arch = other
    return arch


def _kind(option: str) -> str:
    """Return the operation of an option such as ``sep_conv_3x3~1``."""
    return option.partition("~")[0]
