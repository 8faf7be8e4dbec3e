"""Architectures as values, and the contract every search space fulfils. No torch here."""

from __future__ import annotations

import functools
import itertools
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.errors import LmregError


@dataclass(frozen=True, slots=True, order=True)
class Arch:
    """One architecture: the option taken at each decision of a search space."""

    space: str
    choices: tuple[int, ...]

    @property
    def id(self) -> str:
        """A short name that is safe in file names, such as ``nasbench201-3.0.1.2.4.3``."""
        return f"{self.space}-{'.'.join(map(str, self.choices))}"


@dataclass(frozen=True, slots=True)
class Graph:
    """A cell as a directed acyclic graph, for people to look at.

    ``nodes`` are labels: the ``inputs`` first, the output last. An edge is (from, to, label) with
    from < to; its label is empty where the operations sit on the nodes.
    """

    nodes: tuple[str, ...]
    edges: tuple[tuple[int, int, str], ...]
    title: str = "cell"
    inputs: int = 1

    def live(self) -> frozenset[int]:
        """Indices of the edges that lie on a way from an input to the output; the rest does nothing."""
        reached = set(range(self.inputs))
        for start, end, _ in sorted(self.edges):
            if start in reached:
                reached.add(end)
        useful = {len(self.nodes) - 1}
        for start, end, _ in sorted(self.edges, key=lambda edge: -edge[1]):
            if end in useful:
                useful.add(start)
        return frozenset(i for i, (a, b, _) in enumerate(self.edges) if a in reached and b in useful)


class Space(ABC):
    """A finite set of architectures, each a choice of one option per decision.

    Every random draw takes its generator as an argument, so the caller owns reproducibility.
    """

    name: str
    options: tuple[tuple[str, ...], ...]
    """The names of the options of every decision."""
    targets: tuple[int, ...] = ()
    """The node that each decision's edge leads to; empty where decisions aren't edges of a graph."""
    note: str = ""
    """What a user should know who is about to search it, in one line without a full stop."""

    @property
    def size(self) -> int:
        """Number of architectures, isomorphic ones counted separately."""
        return int(np.prod([len(o) for o in self.options], dtype=object))

    @property
    def edge_labels(self) -> tuple[str, ...]:
        """The labels that edges may have in `graphs`: here, the names of all options."""
        return tuple(dict.fromkeys(name for names in self.options for name in names))

    def arch(self, choices: tuple[int, ...]) -> Arch:
        """The architecture with these choices.

        Raises:
            LmregError: a choice is missing or outside its decision's options.
        """
        in_range = all(0 <= c < len(o) for c, o in zip(choices, self.options, strict=False))
        if len(choices) != len(self.options) or not in_range:
            raise LmregError(f"{choices} is not an architecture of {self.name}")
        return Arch(self.name, tuple(int(c) for c in choices))

    def sample(self, rng: np.random.Generator) -> Arch:
        """An architecture drawn uniformly."""
        return self.arch(tuple(int(rng.integers(len(o))) for o in self.options))

    def sample_network(self, rng: np.random.Generator) -> Arch:
        """An architecture drawn so that the topology, not its encoding, decides how likely it is.

        Here every function (`canonical`) is equally likely, and so is every architecture that is it.
        That enumerates the space once; a space too large for it has a sampler of its own.
        """
        members = self._classes[int(rng.integers(len(self._classes)))]
        return members[int(rng.integers(len(members)))]

    @functools.cached_property
    def _classes(self) -> list[list[Arch]]:
        """The architectures of each function."""
        classes: dict[str, list[Arch]] = {}
        for arch in self.enumerate():
            classes.setdefault(self.canonical(arch), []).append(arch)
        return list(classes.values())

    def neighbours(self, arch: Arch) -> list[Arch]:
        """The architectures one change away: here, one decision takes another of its options."""
        head_and_tail = ((arch.choices[:d], arch.choices[d + 1 :]) for d in range(len(self.options)))
        return [
            self.arch((*head, choice, *tail))
            for (head, tail), options, old in zip(head_and_tail, self.options, arch.choices, strict=True)
            for choice in range(len(options))
            if choice != old
        ]

    def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
        """One of the `neighbours` of ``arch``, uniformly among those that are another network.

        Raises:
            LmregError: every change gives the same network.
        """
        old, near = self.canonical(arch), self.neighbours(arch)
        for index in rng.permutation(len(near)):
            if self.canonical(near[index]) != old:
                return near[index]
        raise LmregError(f"no single change of {self.format(arch)} gives another network")

    def strongest(self, weights: Sequence[np.ndarray]) -> Arch:
        """The architecture that a mixture is discretised to: the option of largest weight everywhere.

        Args:
            weights: one array [options] per decision, not negative. They needn't sum to 1: where an
                architecture keeps only some of the edges into a node, larger sums are stronger edges.
        """
        return self.arch(tuple(int(np.argmax(row)) for row in weights))

    def sample_from(self, weights: Sequence[np.ndarray], rng: np.random.Generator) -> Arch:
        """An architecture whose options are drawn in proportion to ``weights``, as in `strongest`."""
        return self.arch(tuple(int(rng.choice(len(row), p=row / row.sum())) for row in weights))

    def enumerate(self) -> Iterator[Arch]:
        """Every architecture once, the last decision varying fastest."""
        for choices in itertools.product(*(range(len(o)) for o in self.options)):
            yield Arch(self.name, choices)

    def encode(self, arch: Arch) -> np.ndarray:
        """One-hot encoding of the choices, float32 of shape [sum of options per decision]."""
        rows = [np.eye(len(o), dtype=np.float32)[c] for c, o in zip(arch.choices, self.options, strict=True)]
        return np.concatenate(rows)

    def distance(self, a: Arch, b: Arch) -> int:
        """Hamming distance: the number of decisions in which two architectures differ."""
        return sum(x != y for x, y in zip(a.choices, b.choices, strict=True))

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """The cells of ``arch`` as graphs, edges without an operation left out; empty: not to be drawn."""
        return ()

    @abstractmethod
    def canonical(self, arch: Arch) -> str:
        """A key that architectures share if and only if they are one function with matched weights.

        `lmreg.space.function` says what counts as one function. So a stand-alone score of one is a score of
        the others too: none of them may be ranked where another has been a landmark.
        """

    def benchmark_key(self, arch: Arch) -> str:
        """The key by which the space's benchmark files an architecture, for joining its tables.

        Here that is `canonical`; a benchmark's own may tell apart what is one function, or the reverse.
        """
        return self.canonical(arch)

    def sketch(self, arch: Arch) -> Hashable:
        """What isomorphic architectures share, and others may: here the key itself.

        A space whose key takes long has a quicker one, by which most of a long list can be left out.
        """
        return self.canonical(arch)

    @abstractmethod
    def format(self, arch: Arch) -> str:
        """The text form, the one that benchmark tables use as key."""

    def read(self, text: object, where: str) -> Arch:
        """The architecture that stands in a file.

        Raises:
            LmregError: as `parse`; begins with ``where``, the file and the place in it.
        """
        try:
            return self.parse(str(text))
        except LmregError as error:
            raise LmregError(f"{where}: {error}") from None

    @abstractmethod
    def parse(self, text: str) -> Arch:
        """The architecture of a text form.

        Raises:
            LmregError: the text is not an architecture of this space.
        """
