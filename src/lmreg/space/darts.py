"""DARTS: two cells, each of 4 nodes that add up two of 7 operations on earlier nodes.

Source: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019.
"""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.errors import LmregError
from lmreg.space.base import Arch, Graph, Space

OPERATIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
NONE = 0
CELLS = ("normal", "reduce")
INPUTS = 2
"""Nodes 0 and 1 of a cell are the outputs of the last cell but one and of the last cell."""
NODES = 4
KEPT = 2
"""Edges that an architecture has into each node."""
EDGES = tuple((source, node) for node in range(INPUTS, INPUTS + NODES) for source in range(node))
"""(from, to) of each decision of a cell; first come those of the normal cell."""

_ALL_NODES = list(range(INPUTS, INPUTS + NODES))
_PLACES = [(*range(INPUTS), *places) for places in itertools.permutations(_ALL_NODES)]
_EXAMPLE = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ...], normal_concat=[2, 3, 4, 5], "
    "reduce=[...], reduce_concat=[2, 3, 4, 5])"
)

Inputs = tuple[tuple[int, int], ...]
"""(source, operation) of the edges into a node, ascending."""


@dataclass
class Config:
    name: str = "darts"


class DARTS(Space):
    """Pairs of cells, 1.08e18 of them.

    A decision is an edge, and `none` one of its options: so there are mixtures of all operations on
    all edges, as DARTS trains them. What they are discretised to, an architecture, has an operation
    other than `none` on exactly two edges into each node.

    The text form is DARTS's genotype: for nodes 2 to 5 in turn, the two edges with operation and source.
    """

    def __init__(self, config: Config | None = None):
        self.name = (config or Config()).name
        self.options = (OPERATIONS,) * (len(EDGES) * len(CELLS))
        self.targets = tuple(node + NODES * cell for cell in range(len(CELLS)) for _, node in EDGES)
        nodes = sorted(set(self.targets))
        self._into = [[d for d, target in enumerate(self.targets) if target == node] for node in nodes]

    @property
    def size(self) -> int:
        """Number of architectures, isomorphic ones counted separately."""
        operations = (len(OPERATIONS) - 1) ** KEPT
        return math.prod(math.comb(len(edges), KEPT) * operations for edges in self._into)

    def arch(self, choices: tuple[int, ...]) -> Arch:
        """The architecture with these choices.

        Raises:
            LmregError: a choice is missing or outside its decision's options, or a node hasn't
                exactly two inputs.
        """
        arch = super().arch(choices)
        for edges in self._into:
            if (count := sum(arch.choices[d] != NONE for d in edges)) != KEPT:
                raise LmregError(
                    f"{choices} is not an architecture of {self.name}: a node has {count} inputs, not {KEPT}"
                )
        return arch

    def cells(self, arch: Arch) -> tuple[tuple[Inputs, ...], ...]:
        """The inputs of the nodes of the normal cell, and of those of the reduction cell."""
        nodes = [
            tuple((source, arch.choices[d]) for source, d in enumerate(edges) if arch.choices[d] != NONE)
            for edges in self._into
        ]
        return tuple(nodes[:NODES]), tuple(nodes[NODES:])

    def sample(self, rng: np.random.Generator) -> Arch:
        """An architecture drawn uniformly: inputs of each node, then their operations."""
        choices = [NONE] * len(self.options)
        for edges in self._into:
            for d in rng.choice(edges, KEPT, replace=False):
                choices[d] = int(rng.integers(1, len(OPERATIONS)))
        return self.arch(tuple(choices))

    def sample_network(self, rng: np.random.Generator) -> Arch:
        """An architecture drawn so that every isomorphism class is equally likely, and so is every
        member within its class.

        By rejection: a uniform draw is kept with probability 1 / number of its class's members.
        """
        while True:
            arch = self.sample(rng)
            if rng.integers(math.prod(len(_relabelled(cell)) for cell in self.cells(arch))) == 0:
                return arch

    def enumerate(self) -> Iterator[Arch]:
        """Every architecture once, the last node varying fastest."""
        operations = range(1, len(OPERATIONS))
        nodes = []
        for edges in self._into:
            pairs = itertools.combinations(range(len(edges)), KEPT)
            chosen = itertools.product(pairs, itertools.product(operations, repeat=KEPT))
            nodes.append([tuple(zip(sources, ops, strict=True)) for sources, ops in chosen])
        return map(self._arch, itertools.product(*nodes))

    def neighbours(self, arch: Arch) -> list[Arch]:
        """What another operation on one edge gives, or an edge that takes its operation to another source."""
        found = []
        for edges in self._into:
            free = [d for d in edges if arch.choices[d] == NONE]
            for used in (d for d in edges if arch.choices[d] != NONE):
                old = arch.choices[used]
                changes = [{used: new} for new in range(1, len(OPERATIONS)) if new != old]
                changes += [{used: NONE, d: old} for d in free]
                found += [
                    self.arch(tuple(change.get(d, choice) for d, choice in enumerate(arch.choices)))
                    for change in changes
                ]
        return found

    def strongest(self, weights: Sequence[np.ndarray]) -> Arch:
        """What DARTS discretises a mixture to: at each node the two edges whose strongest operation is
        strongest, with that operation; `none` is left out.

        Args:
            weights: one array [options] per decision.
        """
        choices = [NONE] * len(self.options)
        for edges in self._into:
            for d in sorted(edges, key=lambda d: -weights[d][1:].max())[:KEPT]:
                choices[d] = 1 + int(np.argmax(weights[d][1:]))
        return self.arch(tuple(choices))

    def sample_from(self, weights: Sequence[np.ndarray], rng: np.random.Generator) -> Arch:
        """An architecture drawn in proportion to the product of its edges' weights, [options] per decision.

        As in `strongest`, `none` is left out.
        """
        choices = [NONE] * len(self.options)
        for edges in self._into:
            shares = {d: float(weights[d][1:].sum()) for d in edges}
            pairs = list(itertools.combinations(edges, KEPT))
            products = np.array([math.prod(shares[d] for d in pair) for pair in pairs])
            for d in pairs[int(rng.choice(len(pairs), p=products / products.sum()))]:
                choices[d] = 1 + int(rng.choice(len(OPERATIONS) - 1, p=weights[d][1:] / shares[d]))
        return self.arch(tuple(choices))

    def canonical(self, arch: Arch) -> str:
        """The text form of the first among the isomorphic architectures.

        All nodes of a cell are joined to its output, and what reads it begins with a convolution over
        all channels. So the nodes' order doesn't matter as long as every edge leads forward, nor does
        the order of a node's inputs, which are added up.
        """
        nodes = itertools.chain.from_iterable(min(_relabelled(cell)) for cell in self.cells(arch))
        return self.format(self._arch(tuple(nodes)))

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        names = ("last but one", "last", *(str(node) for node in range(1, NODES + 1)), "output")
        graphs = []
        for title, cell in zip(("normal cell", "reduction cell"), self.cells(arch), strict=True):
            edges = [
                (source, node, OPERATIONS[choice])
                for node, inputs in enumerate(cell, start=INPUTS)
                for source, choice in inputs
            ]
            joined = [(node, len(names) - 1, "") for node in _ALL_NODES]
            graphs.append(Graph(names, (*edges, *joined), title=title, inputs=INPUTS))
        return tuple(graphs)

    def format(self, arch: Arch) -> str:
        parts = []
        for name, cell in zip(CELLS, self.cells(arch), strict=True):
            edges = [(OPERATIONS[choice], source) for inputs in cell for source, choice in inputs]
            parts.append(f"{name}={edges}, {name}_concat={_ALL_NODES}")
        return f"Genotype({', '.join(parts)})"

    def parse(self, text: str) -> Arch:
        """The architecture of a genotype, with ``range(2, 6)`` for the list too. Nothing is evaluated.

        Raises:
            LmregError: the text is no genotype or not of this space; says why.
        """
        problem = f"{text!r} is not a DARTS genotype"
        values = _keywords(text)
        if values is None or set(values) != {f"{name}{end}" for name in CELLS for end in ("", "_concat")}:
            raise LmregError(f"{problem}; expected {_EXAMPLE}")
        nodes: list[Inputs] = []
        for name in CELLS:
            if values[f"{name}_concat"] != _ALL_NODES:
                raise LmregError(f"{problem}: {name}_concat must be {_ALL_NODES}, all nodes of the cell")
            nodes += _nodes(values[name], f"{problem}: {name}")
        return self._arch(tuple(nodes))

    def _arch(self, nodes: tuple[Inputs, ...]) -> Arch:
        """The architecture whose nodes, of both cells, have these inputs."""
        choices = [NONE] * len(self.options)
        for edges, inputs in zip(self._into, nodes, strict=True):
            for source, choice in inputs:
                choices[edges[source]] = choice
        return self.arch(tuple(choices))


def _relabelled(cell: tuple[Inputs, ...]) -> set[tuple[Inputs, ...]]:
    """The cell with its nodes in every order in which all edges lead forward."""
    found = set()
    for place in _PLACES:
        if all(
            place[source] < place[INPUTS + node] for node, inputs in enumerate(cell) for source, _ in inputs
        ):
            order = sorted(range(NODES), key=lambda node: place[INPUTS + node])
            found.add(tuple(tuple(sorted((place[s], c) for s, c in cell[node])) for node in order))
    return found


def _keywords(text: str) -> dict[str, object] | None:
    """The arguments of a call ``Genotype(...)`` of literals and ranges by name; None if it is none."""
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args):
            return None
        if call.func.id != "Genotype":
            return None
        return {str(keyword.arg): _value(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):  # all that ast may raise
        return None


def _value(node: ast.expr) -> object:
    """A literal, lists in place of tuples; ``range`` of two small literals is the list it stands for."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        start, end = (ast.literal_eval(arg) for arg in node.args)
        return _ALL_NODES if (start, end) == (INPUTS, INPUTS + NODES) else (start, end)
    value = ast.literal_eval(node)
    return list(value) if isinstance(value, tuple) else value


def _nodes(edges: object, problem: str) -> list[Inputs]:
    """The nodes' inputs of a genotype's list of edges.

    Raises:
        LmregError: it isn't one; begins with ``problem``.
    """
    if not isinstance(edges, list) or len(edges) != KEPT * NODES:
        raise LmregError(f"{problem} must list {KEPT * NODES} edges, {KEPT} for each of {NODES} nodes")
    nodes = []
    for node, (first, second) in enumerate(zip(edges[::2], edges[1::2], strict=True), start=INPUTS):
        inputs = tuple(sorted(_edge(edge, node, problem) for edge in (first, second)))
        if inputs[0][0] == inputs[1][0]:
            raise LmregError(f"{problem}: node {node} has both its inputs from node {inputs[0][0]}")
        nodes.append(inputs)
    return nodes


def _edge(edge: object, node: int, problem: str) -> tuple[int, int]:
    """(source, operation) of ``('sep_conv_3x3', 0)``, an edge into ``node``."""
    operation, source = edge if isinstance(edge, tuple | list) and len(edge) == 2 else (None, None)
    if operation not in OPERATIONS[1:] or type(source) is not int or not 0 <= source < node:
        raise LmregError(
            f"{problem}: {edge!r} is no edge into node {node}; expected ('op', source) with a source from "
            f"0 to {node - 1} and op one of {', '.join(OPERATIONS[1:])}"
        )
    return source, OPERATIONS.index(operation)
