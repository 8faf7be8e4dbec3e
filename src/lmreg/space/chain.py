"""Chains of layers in stages, in which an idle layer (an identity) may be anywhere in its stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.errors import LmregError
from lmreg.space.base import Arch, Graph, Space


def idle_last(choices: Sequence[int], depths: Sequence[int], idle: int) -> tuple[int, ...]:
    """Return the isomorphic choices in which idle layers come last in their stages.

    The first layer of each stage stays in place: it changes the shape, so ``idle`` is no identity there.
    ``choices`` are one per layer, ``depths`` the layers per stage.
    """
    found: list[int] = []
    for depth in depths:
        first, *later = choices[len(found) : len(found) + depth]
        active = [choice for choice in later if choice != idle]
        found += [first, *active, *[idle] * (len(later) - len(active))]
    return tuple(found)


def chain_graph(labels: Sequence[str]) -> Graph:
    """Return the graph of a network whose layers have these labels, from the stem to the head."""
    nodes = ("stem", *(str(layer) for layer in range(1, len(labels))), "head")
    return Graph(nodes, tuple((i, i + 1, label) for i, label in enumerate(labels)), title="network")


@dataclass(frozen=True)
class Stage:
    """Layers that choose among the same blocks.

    ``idle`` names the choice that makes a layer an identity. The first layer, which changes shapes, lacks it.
    """

    depth: int
    blocks: tuple[str, ...]
    idle: str | None = None

    @property
    def options(self) -> tuple[tuple[str, ...], ...]:
        """The names of the options, by layer."""
        later = self.blocks if self.idle is None else (*self.blocks, self.idle)
        return (self.blocks, *[later] * (self.depth - 1))

    def sample_network(self, rng: np.random.Generator) -> list[int]:
        """Draw the choices of all layers: isomorphism classes are equally likely, as are members of a class.

        With n blocks there are n · n^k classes in which k of the later layers aren't idle; the members of a
        class differ in where these k layers are.
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
    """A chain of layers in stages; the text form joins a stage's layers by ``+`` and the stages by ``|``."""

    def __init__(self, name: str, stages: Sequence[Stage]):
        self.name, self.stages = name, tuple(stages)
        self.options = tuple(names for stage in self.stages for names in stage.options)

    def sample_network(self, rng: np.random.Generator) -> Arch:
        """Draw an architecture: isomorphism classes are equally likely, as are the members of a class."""
        return self.arch(tuple(c for stage in self.stages for c in stage.sample_network(rng)))

    def canonical(self, arch: Arch) -> str:
        """Return the text form of the isomorphic architecture whose idle layers come last in their stages."""
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
        """Describe the options of the layers, stage by stage if the stages differ."""
        descriptions = []
        for stage in self.stages:
            later = "" if stage.idle is None else f" or, but for the first of a stage, {stage.idle}"
            descriptions.append(f"{', '.join(stage.blocks)}{later}")
        if len(set(descriptions)) == 1:
            return descriptions[0]
        return "; ".join(f"stage {i}: {words}" for i, words in enumerate(descriptions, 1))
