"""A minimal space and super-net, which tests break in every way that a check detects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.network.base import MIXTURES, Standalone, SuperNet, batch_norm
from lmreg.network.mixture import Choice, weighted_options
from lmreg.space.base import Arch, Graph, Space

OPERATIONS = ("none", "conv1", "conv3")
T = TypeVar("T")


def broken(cls: type[T], **members: Any) -> type[T]:
    """Return a subclass of ``cls`` with other members."""
    return type("Broken", (cls,), members)


class Toy(Space):
    """Four parallel operations whose order doesn't matter."""

    def __init__(self, config: None = None):
        self.name = "toy"
        self.options = (OPERATIONS,) * 4

    def canonical(self, arch: Arch) -> str:
        return self.format(Arch(self.name, tuple(sorted(arch.choices))))

    def format(self, arch: Arch) -> str:
        return "+".join(OPERATIONS[choice] for choice in arch.choices)

    def parse(self, text: str) -> Arch:
        names = text.split("+")
        if set(names) - set(OPERATIONS):
            raise LmregError(f"{text!r} is not an architecture of toy")
        return self.arch(tuple(map(OPERATIONS.index, names)))

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        return (Graph(("in", "out"), tuple((0, 1, OPERATIONS[choice]) for choice in arch.choices)),)


class ToyNet(SuperNet):
    """Weighted sum of the operations on a stem, classifier."""

    offers = frozenset({MIXTURES})
    of_space = Toy

    def __init__(
        self, space: Toy, shape: InputShape, outputs: int = 3, offered: Sequence[Sequence[int]] | None = None
    ):
        super().__init__()
        self._parts = (space, shape, outputs)
        self.stem = nn.Conv2d(shape.channels, 4, 3, padding=1)
        self.edges = nn.ModuleList(
            nn.ModuleDict({OPERATIONS[c]: nn.Conv2d(4, 4, 2 * c - 1, padding=c - 1) for c in choices if c})
            for choices in offered or [range(3)] * len(space.options)
        )
        self.norm = batch_norm(4)
        self.classifier = nn.Linear(4, outputs)

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        x = self.stem(x)
        total = x
        for decision, edge in enumerate(self.edges):
            for option, weight in weighted_options(choice, decision):
                if option:
                    value = edge[OPERATIONS[option]](x)  # type: ignore[index]
                    total = total + (value if weight is None else weight * value)
        return self.classifier(torch.relu(self.norm(total)).mean((2, 3)))

    def standalone(self, arch: Arch) -> Standalone:
        return Standalone(type(self)(*self._parts, offered=[[c] for c in arch.choices]), arch)
