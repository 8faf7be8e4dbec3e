"""DARTS: two cells, each of 4 nodes that add up two of 7 operations on earlier nodes.

Source: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lmreg.errors import LmregError
from lmreg.space.base import Arch
from lmreg.space.genotype import CELL_INPUTS, CELL_NAMES, NODE_INPUTS, CellInputs, GenotypeSpace, reorderings

OPERATIONS = (
    *("none", "max_pool_3x3", "avg_pool_3x3", "skip_connect"),
    *("sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"),
)
NONE = 0
NODES = 4
EDGES = tuple((source, node) for node in range(CELL_INPUTS, CELL_INPUTS + NODES) for source in range(node))
"""(from, to) of each decision of a cell; the normal cell's decisions come before the reduction cell's."""


@dataclass
class Config:
    name: str = "darts"


class DARTSSpace(GenotypeSpace):
    """1.08e18 pairs of cells.

    A decision is an edge, and `none` is one of its options, so that a mixture has all operations on all
    edges, as DARTS trains them. An architecture, to which a mixture is discretised, has an operation other
    than `none` on exactly two edges into each node.
    """

    nodes = NODES
    written = (None, *OPERATIONS[1:])

    def __init__(self, config: Config | None = None):
        self.name = (config or Config()).name
        self.options = (OPERATIONS,) * (len(EDGES) * len(CELL_NAMES))
        self.targets = tuple(node + NODES * cell for cell in range(len(CELL_NAMES)) for _, node in EDGES)
        nodes = sorted(set(self.targets))
        self._into = [[d for d, target in enumerate(self.targets) if target == node] for node in nodes]

    @property
    def size(self) -> int:
        operations = (len(OPERATIONS) - 1) ** NODE_INPUTS
        return math.prod(math.comb(len(edges), NODE_INPUTS) * operations for edges in self._into)

    def arch(self, choices: tuple[int, ...]) -> Arch:
        """Return the architecture with these choices; LmregError if a node doesn't have two inputs."""
        arch = super().arch(choices)
        for edges in self._into:
            if (count := sum(arch.choices[d] != NONE for d in edges)) != NODE_INPUTS:
                raise LmregError(
                    f"{choices} is not an architecture of {self.name}: a node has {count} inputs, "
                    f"not {NODE_INPUTS}"
                )
        return arch

    def cells(self, arch: Arch) -> tuple[CellInputs, ...]:
        nodes = [
            tuple((source, arch.choices[d]) for source, d in enumerate(edges) if arch.choices[d] != NONE)
            for edges in self._into
        ]
        return tuple(nodes[:NODES]), tuple(nodes[NODES:])

    def sample(self, rng: np.random.Generator) -> Arch:
        """Draw uniformly: the inputs of each node, then their operations."""
        choices = [NONE] * len(self.options)
        for edges in self._into:
            for d in rng.choice(edges, NODE_INPUTS, replace=False):
                choices[d] = int(rng.integers(1, len(OPERATIONS)))
        return self.arch(tuple(choices))

    def sample_network(self, rng: np.random.Generator) -> Arch:
        """Draw such that classes of architectures that differ only in the order of nodes are equally likely,
        and so are the members of each class.

        By rejection: a uniform draw is kept with probability 1 / size of its class.
        """
        while True:
            arch = self.sample(rng)
            if rng.integers(math.prod(len(reorderings(cell)) for cell in self.cells(arch))) == 0:
                return arch

    def enumerate(self) -> Iterator[Arch]:
        """Yield every architecture once; the last node varies fastest."""
        operations = range(1, len(OPERATIONS))
        nodes = []
        for edges in self._into:
            pairs = itertools.combinations(range(len(edges)), NODE_INPUTS)
            chosen = itertools.product(pairs, itertools.product(operations, repeat=NODE_INPUTS))
            nodes.append([tuple(zip(sources, ops, strict=True)) for sources, ops in chosen])
        return (self.of_cells((chosen[:NODES], chosen[NODES:])) for chosen in itertools.product(*nodes))

    def neighbours(self, arch: Arch) -> list[Arch]:
        """Return the architectures in which one edge has another operation or another source."""
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
        """Discretise a mixture as DARTS does: each node keeps the two edges whose strongest operation has the
        largest weights, with that operation; `none` is ignored."""
        choices = [NONE] * len(self.options)
        for edges in self._into:
            for d in sorted(edges, key=lambda d: -weights[d][1:].max())[:NODE_INPUTS]:
                choices[d] = 1 + int(np.argmax(weights[d][1:]))
        return self.arch(tuple(choices))

    def sample_from(self, weights: Sequence[np.ndarray], rng: np.random.Generator) -> Arch:
        """Draw with a probability proportional to the product of the edges' weights, [options] per decision.

        As in `strongest`, `none` is ignored.
        """
        choices = [NONE] * len(self.options)
        for edges in self._into:
            shares = {d: float(weights[d][1:].sum()) for d in edges}
            pairs = list(itertools.combinations(edges, NODE_INPUTS))
            products = np.array([math.prod(shares[d] for d in pair) for pair in pairs])
            for d in pairs[int(rng.choice(len(pairs), p=products / products.sum()))]:
                choices[d] = 1 + int(rng.choice(len(OPERATIONS) - 1, p=weights[d][1:] / shares[d]))
        return self.arch(tuple(choices))

    def benchmark_key(self, arch: Arch) -> str:
        """Return the text form of the first of the architectures that differ only in the order of nodes.

        A cell's output concatenates all its nodes, and the layers that read it begin with a convolution over
        all channels. So the order of nodes doesn't matter as long as every edge leads forward; neither does
        the order of a node's inputs, which are added up.
        """
        return self.format(self.of_cells([min(reorderings(cell)) for cell in self.cells(arch)]))

    def of_cells(self, cells: Sequence[CellInputs]) -> Arch:
        choices = [NONE] * len(self.options)
        for name, cell, into in zip(CELL_NAMES, cells, (self._into[:NODES], self._into[NODES:]), strict=True):
            for node, (inputs, edges) in enumerate(zip(cell, into, strict=True), start=CELL_INPUTS):
                if len({source for source, _ in inputs}) < NODE_INPUTS:
                    raise LmregError(f"{name}: node {node} has both its inputs from node {inputs[0][0]}")
                for source, choice in inputs:
                    choices[edges[source]] = choice
        return self.arch(tuple(choices))
