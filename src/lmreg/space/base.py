"""Architectures as values, and the interface of every search space. This package doesn't import torch."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.errors import LmregError


@dataclass(frozen=True, slots=True, order=True)
class Arch:
    """One architecture: the option chosen at each decision of a search space."""

    space: str
    choices: tuple[int, ...]

    @property
    def id(self) -> str:
        """A short name that can be part of a file name, such as ``nasbench201-3.0.1.2.4.3``."""
        return f"{self.space}-{'.'.join(map(str, self.choices))}"


@dataclass(frozen=True, slots=True)
class Graph:
    """A cell as a directed acyclic graph to be drawn.

    Attributes:
        nodes: labels of the nodes; the first ``inputs`` of them are the inputs, the last is the output.
        edges: (from, to, label) with from < to; the label is empty where operations are on the nodes.
    """

    nodes: tuple[str, ...]
    edges: tuple[tuple[int, int, str], ...]
    title: str = "cell"
    inputs: int = 1

    def live(self) -> frozenset[int]:
        """Return the indices of the edges on a path from an input to the output; others have no effect."""
        pairs = [(start, end) for start, end, _ in self.edges]
        used = on_paths(pairs, range(self.inputs), len(self.nodes) - 1)
        return frozenset(i for i, pair in enumerate(pairs) if used.issuperset(pair))


def on_paths(edges: Collection[tuple[int, int]], starts: Iterable[int], end: int) -> set[int]:
    """Return the nodes on paths from one of ``starts`` to ``end``; every edge (from, to) has from < to."""
    ahead, back = set(starts), {end}
    for a, b in sorted(edges):
        if a in ahead:
            ahead.add(b)
    for a, b in sorted(edges, key=lambda edge: -edge[1]):
        if b in back:
            back.add(a)
    return ahead & back


def md5_of(text: str) -> str:
    """Return the MD5 of a text, 32 hexadecimal digits, as a short key."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Space(ABC):
    """A finite set of architectures, each of which chooses one option per decision.

    Methods that draw at random take the generator as an argument, so that the caller controls it.
    """

    name: str
    options: tuple[tuple[str, ...], ...]
    """The names of the options, by decision."""
    targets: tuple[int, ...] = ()
    """The node that each decision's edge leads to; empty if decisions aren't edges of a graph."""
    note: str = ""
    """One line, without a full stop, that is shown to users before they search the space; empty for none."""

    @property
    def size(self) -> int:
        """Number of architectures, with isomorphic ones counted separately."""
        return int(np.prod([len(o) for o in self.options], dtype=object))

    @property
    def edge_labels(self) -> tuple[str, ...]:
        """The labels that edges can have in `graphs`; by default the names of all options."""
        return tuple(dict.fromkeys(name for names in self.options for name in names))

    def arch(self, choices: tuple[int, ...]) -> Arch:
        """Return the architecture with these choices, or raise LmregError if there is none."""
        in_range = all(0 <= c < len(o) for c, o in zip(choices, self.options, strict=False))
        if len(choices) != len(self.options) or not in_range:
            raise LmregError(f"{choices} is not an architecture of {self.name}")
        return Arch(self.name, tuple(int(c) for c in choices))

    def sample(self, rng: np.random.Generator) -> Arch:
        """Draw an architecture uniformly."""
        return self.arch(tuple(int(rng.integers(len(o))) for o in self.options))

    def sample_network(self, rng: np.random.Generator) -> Arch:
        """Draw an architecture so that its topology, not its encoding, decides how likely it is.

        By default every isomorphism class (see `canonical`) is equally likely, and so is every member of a
        class. This enumerates the space once; spaces that are too large for that override it.
        """
        members = self._isomorphism_classes[int(rng.integers(len(self._isomorphism_classes)))]
        return members[int(rng.integers(len(members)))]

    @functools.cached_property
    def _isomorphism_classes(self) -> list[list[Arch]]:
        classes: dict[str, list[Arch]] = {}
        for arch in self.enumerate():
            classes.setdefault(self.canonical(arch), []).append(arch)
        return list(classes.values())

    def neighbours(self, arch: Arch) -> list[Arch]:
        """Return the architectures one change away; by default a change is another option of one decision."""
        found = []
        for d, options in enumerate(self.options):
            for choice in set(range(len(options))) - {arch.choices[d]}:
                with contextlib.suppress(LmregError):  # not every combination need be an architecture
                    found.append(self.arch((*arch.choices[:d], choice, *arch.choices[d + 1 :])))
        return found

    def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
        """Draw one of the `neighbours` of ``arch``, uniformly among those that aren't isomorphic to it.

        If all are isomorphic to it, LmregError is raised.
        """
        old, near = self.canonical(arch), self.neighbours(arch)
        for index in rng.permutation(len(near)):
            if self.canonical(near[index]) != old:
                return near[index]
        raise LmregError(f"no single change of {self.format(arch)} gives another network")

    def strongest(self, weights: Sequence[np.ndarray]) -> Arch:
        """Discretise a mixture: return the architecture with the option of largest weight at each decision.

        ``weights`` are one array [options] per decision, not negative. An array needn't sum to 1: if an
        architecture keeps only some edges into a node, edges with larger sums are stronger.
        """
        return self.arch(tuple(int(np.argmax(row)) for row in weights))

    def sample_from(self, weights: Sequence[np.ndarray], rng: np.random.Generator) -> Arch:
        """Draw each option with a probability proportional to its weight; ``weights`` as in `strongest`."""
        return self.arch(tuple(int(rng.choice(len(row), p=row / row.sum())) for row in weights))

    def enumerate(self) -> Iterator[Arch]:
        """Yield every architecture once; the last decision varies fastest."""
        for choices in itertools.product(*(range(len(o)) for o in self.options)):
            yield Arch(self.name, choices)

    def encode(self, arch: Arch) -> np.ndarray:
        """Return the one-hot encoding of the choices, float32 of shape [sum of options per decision]."""
        rows = [np.eye(len(o), dtype=np.float32)[c] for c, o in zip(arch.choices, self.options, strict=True)]
        return np.concatenate(rows)

    def distance(self, a: Arch, b: Arch) -> int:
        """Return the Hamming distance: the number of decisions in which the architectures differ."""
        return sum(x != y for x, y in zip(a.choices, b.choices, strict=True))

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the cells of ``arch`` as graphs, leaving out edges without an operation; by default none."""
        return ()

    @abstractmethod
    def canonical(self, arch: Arch) -> str:
        """Return a key that architectures share if and only if they are isomorphic.

        Isomorphic means that they compute the same function with matched weights, as `lmreg.space.symbolic`
        defines it. A stand-alone score of one is then a score of all, so that none of them may be in the
        evaluation pool if another is a landmark.
        """

    def benchmark_key(self, arch: Arch) -> str:
        """Return the key under which the space's benchmark files an architecture, to join its tables.

        By default this is `canonical`. A benchmark's own key may separate or merge classes.
        """
        return self.canonical(arch)

    def coarse_key(self, arch: Arch) -> Hashable:
        """Return a key that isomorphic architectures share, and that others may share too.

        By default this is `canonical`. A space whose canonical key is slow overrides it with a faster one, so
        that the canonical key is needed only for architectures that share the coarse key.
        """
        return self.canonical(arch)

    @abstractmethod
    def format(self, arch: Arch) -> str:
        """Return the text form, which is the key in benchmark tables."""

    def read(self, text: object, where: str) -> Arch:
        """Return the architecture of a text form, or of an `Arch.id`, which lmreg names files after; errors
        begin with ``where``, such as the file and the place in it."""
        try:
            return self.parse(str(text))
        except LmregError as error:
            name, _, numbers = str(text).strip().rpartition("-")
            if name == self.name and all(number.isdecimal() for number in numbers.split(".")):
                with contextlib.suppress(LmregError):
                    return self.arch(tuple(map(int, numbers.split("."))))
            raise LmregError(f"{where}: {error}") from None

    @abstractmethod
    def parse(self, text: str) -> Arch:
        """Return the architecture of a text form; other text raises LmregError."""
