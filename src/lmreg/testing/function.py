"""Whether a space's keys tell the functions of its super-net apart, and nothing else."""

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
from lmreg.testing.fault import require

SEEDS = 2
"""Architectures of few kinds of options, around which functions of several architectures are looked for."""
STEPS = 60
EACH = 8
"""Functions of several architectures that are tried around each, and as many single architectures."""
IMAGES = 8
WEIGHTS = 3
"""What seems wrong must be so with as many weights."""
_TOLERANCE = 1e-6
_PERIOD = 2


def check_keys(net: SuperNet, space: Space, shape: InputShape, rng: np.random.Generator) -> None:
    """Architectures share a key if and only if they are one function with matched weights.

    Layers of one shape get the same weights, so that any of them can stand for any other. Then one
    function means the same outputs, and the same sizes of gradients: a layer that is used twice gets
    another one than two layers do. Of channels every second has the same weights, so that nodes that are
    joined may change places: they need an even number each. The images must be large enough for that the
    smallest maps are no single pixels, of which a pool is no pool.
    """
    first, *others = (_Function(net, shape, rng) for _ in range(WEIGHTS))
    for _ in range(SEEDS):
        archs = _around(space, rng)
        keys, found = [space.canonical(arch) for arch in archs], [first(arch) for arch in archs]
        for i, j in itertools.combinations(range(len(archs)), 2):
            one = keys[i] == keys[j]
            if _alike(found[i], found[j]) == one:
                continue
            said = "share their key but are not one function" if one else "are one function but have two keys"
            # By chance, say of an activation that is zero but for rounding, it happens with some weights.
            require(
                any(_alike(other(archs[i]), other(archs[j])) == one for other in others),
                f"{archs[i].id} and {archs[j].id} {said}",
            )


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return float(np.abs(one - other).max()) < _TOLERANCE


class _Function:
    """What tells architectures' functions apart, whichever of a super-net's layers of a kind they use."""

    def __init__(self, net: SuperNet, shape: InputShape, rng: np.random.Generator):
        self._untied, self._kinds = net, _drawn(net, rng)
        drawn = rng.standard_normal((IMAGES, shape.channels, shape.height, shape.width))
        self._x, self._rng = torch.from_numpy(drawn), rng
        self._look: Tensor | None = None

    @functools.cached_property
    def _net(self) -> SuperNet:
        # Made where it's needed: a copy takes long, and most weights are only for what seems wrong.
        return _tied(self._untied, self._kinds)

    @functools.cached_property
    def _weights(self) -> list[nn.Parameter]:
        constant = {id(m.bias) for m in self._net.modules() if isinstance(m, _NormBase) and m.affine}
        return [p for p in self._net.parameters() if id(p) not in constant]

    def __call__(self, arch: Arch) -> np.ndarray:
        """Outputs and two sums over layers' gradients, each about 1."""
        outputs = self._net(self._x, arch)
        if self._look is None:
            self._look = torch.from_numpy(self._rng.standard_normal(outputs.shape))
        loss = (outputs * self._look).sum()
        gradients = torch.autograd.grad(loss, self._weights, allow_unused=True)
        squares = torch.stack([g.square().sum() for g in gradients if g is not None])
        sums = torch.stack([squares.sum(), squares.square().sum()]).log1p()
        values = outputs.detach().flatten()
        return torch.cat([values / (1 + values.abs().max()), sums]).numpy()


_Kind = tuple[str, tuple[int, ...]]
"""A parameter's last name, how many dimensions of channels it has, and its sizes behind these."""


def _kind_of(name: str, parameter: Tensor) -> _Kind:
    return name.rpartition(".")[2], (len(parameter.shape[:2]), *parameter.shape[2:])


def _drawn(net: SuperNet, rng: np.random.Generator) -> dict[_Kind, Tensor]:
    """Values for the weights of every kind."""
    drawn: dict[_Kind, Tensor] = {}
    for name, parameter in net.named_parameters():
        kind = _kind_of(name, parameter)
        if kind not in drawn:
            sizes = (_PERIOD,) * kind[1][0] + kind[1][1:]
            drawn[kind] = torch.from_numpy(rng.standard_normal(sizes))
    return drawn


def _tied(net: SuperNet, drawn: dict[_Kind, Tensor]) -> SuperNet:
    """A copy in double precision whose weights depend on their kind and shape only, not on their layer.

    Biases of normalisations are zero, so that they make nothing of nothing, and their epsilon hardly is.
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
    """Some architectures near one of few kinds of options, which therefore often are one function."""
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
    """An architecture most options of which are of two kinds, such as skip connections and one convolution.

    By changes one at a time that don't lead away from that.
    """
    kinds = sorted({_kind(name) for names in space.options for name in names})
    wanted = set(rng.choice(kinds, min(2, len(kinds)), replace=False).tolist())

    def fit(arch: Arch) -> int:
        names = (names[c] for names, c in zip(space.options, arch.choices, strict=True))
        return sum(_kind(name) in wanted for name in names)

    arch = space.sample(rng)
    for _ in range(STEPS):
        near = space.neighbours(arch)
        other = near[int(rng.integers(len(near)))]
        if fit(other) >= fit(arch):
            arch = other
    return arch


def _kind(option: str) -> str:
    """The operation of an option such as ``sep_conv_3x3~1``."""
    return option.partition("~")[0]
