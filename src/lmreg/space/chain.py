"""Chains of layers in stages, where a layer that does nothing may have any place in its stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.errors import LmregError
from lmreg.space.base import Arch, Graph, Space


def idle_last(choices: Sequence[int], depths: Sequence[int], idle: int) -> tuple[int, ...]:
    """The isomorphic choices in which the layers that do nothing come last in their stages.

    The first layer of each stage changes the shape, so it always does something and stays.

    Args:
        choices: one per layer.
        depths: layers per stage.
        idle: the choice, of a later layer, that does nothing.
    """
    found: list[int] = []
    for depth in depths:
        first, *later = choices[len(found) : len(found) + depth]
        active = [choice for choice in later if choice != idle]
        found += [first, *active, *[idle] * (len(later) - len(active))]
    return tuple(found)


def chain_graph(labels: Sequence[str]) -> Graph:
    """A network whose layers have these labels, from the stem to the head."""
    nodes = ("stem", *(str(layer) for layer in range(1, len(labels))), "head")
    return Graph(nodes, tuple((i, i + 1, label) for i, label in enumerate(labels)), title="network")


@dataclass(frozen=True)
class Stage:
    """Layers that choose between the same blocks.

    ``idle`` names the choice of doing nothing, which the first layer hasn't: it changes the shape.
    """

    depth: int
    blocks: tuple[str, ...]
    idle: str | None = None

    @property
    def options(self) -> tuple[tuple[str, ...], ...]:
        """The names of every layer's options."""
        later = self.blocks if self.idle is None else (*self.blocks, self.idle)
        return (self.blocks, *[later] * (self.depth - 1))

    def sample_network(self, rng: np.random.Generator) -> list[int]:
        """Choices of all layers: each isomorphism class equally likely, and each member within its class.

        With n blocks there are n · n^k classes with k later layers that do something, each with all
        places for those.
        """
        if self.idle is None:
            return rng.integers(len(self.blocks), size=self.depth).tolist()
        classes = float(len(self.blocks)) ** np.arange(self.depth)
        active = int(rng.choice(self.depth, p=classes / classes.sum()))
        choices = np.full(self.depth, len(self.blocks))
        places = [0, *(1 + rng.choice(self.depth - 1, active, replace=False))]
        choices[places] = rng.integers(len(self.blocks), size=active + 1)
        return choices.tolist()


class StagedChain(Space):
    """A chain of layers in stages.

    The text form has the layers of a stage joined by ``+``, the stages by ``|``.
    """

    def __init__(self, name: str, stages: Sequence[Stage]):
        self.name, self.stages = name, tuple(stages)
        self.options = tuple(names for stage in self.stages for names in stage.options)

    def sample_network(self, rng: np.random.Generator) -> Arch:
        """An architecture drawn so that every isomorphism class is equally likely, and so is every
        member within its class."""
        return self.arch(tuple(c for stage in self.stages for c in stage.sample_network(rng)))

    def canonical(self, arch: Arch) -> str:
        """The text form of the isomorphic architecture whose idle layers come last in their stages."""
        found: list[int] = []
        for stage in self.stages:
            choices = arch.choices[len(found) : len(found) + stage.depth]
            found += idle_last(choices, [stage.depth], len(stage.blocks))
        return self.format(Arch(self.name, tuple(found)))

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        return (chain_graph(self._names(arch)),)

    def format(self, arch: Arch) -> str:
        names = iter(self._names(arch))
        return "|".join("+".join(next(names) for _ in range(stage.depth)) for stage in self.stages)

    def parse(self, text: str) -> Arch:
        stages = [stage.split("+") for stage in text.strip().split("|")]
        names = [name for stage in stages for name in stage]
        if [len(stage) for stage in stages] == [stage.depth for stage in self.stages] and all(
            name in offered for name, offered in zip(names, self.options, strict=True)
        ):
            return self.arch(tuple(o.index(name) for name, o in zip(names, self.options, strict=True)))
        depths = ", ".join(str(stage.depth) for stage in self.stages)
        raise LmregError(
            f"{text!r} is not an architecture of {self.name}; expected {len(self.stages)} stages joined by "
            f"'|' of {depths} layers joined by '+', each layer one of {self._offered()}"
        )

    def _names(self, arch: Arch) -> list[str]:
        return [offered[choice] for choice, offered in zip(arch.choices, self.options, strict=True)]

    def _offered(self) -> str:
        """What the layers may be, in words; the stages apart where they differ."""
        said = []
        for stage in self.stages:
            later = "" if stage.idle is None else f" or, but for the first of a stage, {stage.idle}"
            said.append(f"{', '.join(stage.blocks)}{later}")
        alike = len(set(said)) == 1
        return said[0] if alike else "; ".join(f"stage {i}: {words}" for i, words in enumerate(said, 1))
