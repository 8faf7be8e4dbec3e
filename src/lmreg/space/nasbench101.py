"""NAS-Bench-101: cells that are graphs of at most 7 vertices and 9 edges, with 3 operations on vertices.

Source: Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import numpy as np

from lmreg.errors import LmregError
from lmreg.space.base import Arch, Graph, Space, md5_of
from lmreg.space.cell_graph import (
    CellGraph,
    count_labellings,
    edit_distance,
    module_hash,
    path_encoding,
    pruned,
)
from lmreg.space.symbolic import SymbolicCell, add

OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
KERNELS = {"conv3x3-bn-relu": 3, "conv1x1-bn-relu": 1}
"""Kernel sizes of the operations that have weights."""
VERTICES = 7
MAX_EDGES = 9
EDGES = tuple((source, target) for target in range(1, VERTICES) for source in range(target))
"""(from, to) of the first 21 decisions, column by column of the matrix; the vertices' operations follow."""

_OUTPUT = VERTICES - 1


@dataclass
class Config:
    name: str = "nasbench101"


class NASBench101(Space):
    """The benchmark's cells: 423,624 up to isomorphism, 1,293,208 counting orders of the vertices.

    The choices are whether each of the 21 edges of a 7-vertex matrix is present, and the operation of each of
    the 5 interior vertices. Vertices that aren't on a path from input to output have no effect, so an `Arch`
    is always in *pruned form*: these vertices are removed, the others keep their order and come first, and
    the output remains the last vertex. Absent edges, and operations of absent vertices, are 0.

    The text form is the benchmark's record of a cell, ``adjacency|input|operation|...|output``, for
    instance ``011001000|input|maxpool3x3|output``: the rows of the matrix one after the other, then the
    vertices' operations. Cells of any size are parsed, also with commas between the operations, and then
    pruned; cells are always written pruned.
    """

    def __init__(self, config: Config | None = None):
        self.name = (config or Config()).name
        self.options = (("absent", "present"),) * len(EDGES) + (OPERATIONS,) * (VERTICES - 2)

    @property
    def size(self) -> int:
        """Number of pruned cells, with isomorphic ones counted separately."""
        return int(_wirings()[1][-1])

    def arch(self, choices: tuple[int, ...]) -> Arch:
        """Return the architecture with these choices, in pruned form.

        LmregError also if the output isn't connected to the input or more than 9 edges remain after pruning.
        """
        choices = super().arch(choices).choices
        edges = frozenset(edge for edge, there in zip(EDGES, choices, strict=False) if there)
        problem = f"{choices} is not an architecture of {self.name}"
        return self._arch(CellGraph(choices[len(EDGES) :], edges), problem)

    def cell(self, arch: Arch) -> CellGraph:
        """Return the graph of an architecture; its operations are indices of `OPERATIONS`."""
        edges = [edge for edge, there in zip(EDGES, arch.choices, strict=False) if there]
        interior = max(source for source, _ in edges)
        moved = frozenset((a, interior + 1 if b == _OUTPUT else b) for a, b in edges)
        return CellGraph(arch.choices[len(EDGES) : len(EDGES) + interior], moved)

    def sample(self, rng: np.random.Generator) -> Arch:
        """Draw uniformly from all pruned cells.

        Rejection from uniform bits and operations would favour cells that many matrices are pruned to.
        """
        return self._cell_number(int(rng.integers(self.size)))

    def sample_network(self, rng: np.random.Generator) -> Arch:
        """Draw such that isomorphism classes are equally likely, and so are the members of each class.

        By rejection: uniform draws, about three, are kept with probability 1 / size of their class.
        """
        while True:
            arch = self.sample(rng)
            if rng.integers(count_labellings(self.cell(arch))) == 0:
                return arch

    def enumerate(self) -> Iterator[Arch]:
        """Yield every pruned cell once, the smallest first."""
        return map(self._cell_number, range(self.size))

    def neighbours(self, arch: Arch) -> list[Arch]:
        """Return the cells with one edge added or removed, another operation at one vertex, or one more
        vertex with one edge to it and one from it.

        Removing an edge may remove vertices too, as the result is pruned.
        """
        cell = self.cell(arch)
        found: dict[Arch, None] = {}
        for changed in _changes(cell):
            with contextlib.suppress(LmregError):
                found[self._arch(changed, "")] = None
        found.pop(arch, None)
        return list(found)

    def encode(self, arch: Arch) -> np.ndarray:
        """Return the path encoding, float32 [364]: for each sequence of 0 to 5 operations, whether the cell
        has such a path from input to output. Isomorphic cells have the same encoding.

        Source: White, Neiswanger, Savani, "BANANAS: Bayesian Optimization with Neural Architectures for
        Neural Architecture Search", AAAI 2021, section 4.
        """
        return path_encoding(self.cell(arch), len(OPERATIONS), VERTICES - 2)

    def distance(self, a: Arch, b: Arch) -> int:
        """Return the graph edit distance: the least number of edges and operations that differ, over all
        ways to match interior vertices; 0 for isomorphic cells."""
        return edit_distance(self.cell(a), self.cell(b), VERTICES)

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        cell = self.cell(arch)
        return (Graph(self._labels(cell), tuple((a, b, "") for a, b in sorted(cell.edges))),)

    def canonical(self, arch: Arch) -> str:
        """Return a hash of the function that the cell computes, see `lmreg.space.symbolic`.

        Maximum pools have no weights, so that several pools of the same vertices are one value. Every edge
        from the cell's input has its own projection. If three vertices lead to the output and the width isn't
        divisible by three, the vertices' order decides which has one more channel; this difference is
        ignored, as in the benchmark's own hash.
        """
        cell = self.cell(arch)
        symbolic, last = SymbolicCell("x"), cell.vertices - 1
        values = list(symbolic.inputs)
        projected = [
            symbolic.weighted("projection", values[0]) if (0, vertex) in cell.edges else ()
            for vertex in range(cell.vertices)
        ]
        for vertex in range(1, last):
            operation = OPERATIONS[cell.operations[vertex - 1]]
            read = [values[source] for source in cell.sources(vertex) if source > 0]
            value = add([projected[vertex], *read])
            apply = symbolic.weighted if operation in KERNELS else symbolic.homogeneous
            values.append(apply(operation, value))
        joined = [values[source] for source in cell.sources(last) if source > 0]
        return md5_of(" & ".join((symbolic.key(joined), symbolic.key([projected[last]]))))

    def benchmark_key(self, arch: Arch) -> str:
        """Return the benchmark's module hash of the pruned cell, under which its data are filed.

        Isomorphic graphs share it, even if vertices differ by one channel. Cells that are the same function
        only because two of their maximum pools are equal have different hashes.
        """
        return module_hash(self.cell(arch))

    def coarse_key(self, arch: Arch) -> Hashable:
        """Return each vertex's operation and those next to it, in a tenth of the canonical key's time."""
        labels = ("input", *arch.choices[len(EDGES) :], "output")
        before: list[list[str]] = [[] for _ in labels]
        after: list[list[str]] = [[] for _ in labels]
        for (a, b), there in zip(EDGES, arch.choices, strict=False):
            if there:
                before[b].append(str(labels[a]))
                after[a].append(str(labels[b]))
        beside = (
            " ".join((*sorted(some), "|", *sorted(more))) for some, more in zip(before, after, strict=True)
        )
        return tuple(sorted(f"{label}: {near}" for label, near in zip(labels, beside, strict=True)))

    def format(self, arch: Arch) -> str:
        cell = self.cell(arch)
        digits = "".join(str(value) for value in cell.matrix().flatten())
        return "|".join((digits, *self._labels(cell)))

    def parse(self, text: str) -> Arch:
        digits, *labels = (part.strip() for part in re.split(r"[|,]", text.strip()))
        count, names = len(labels), labels[1:-1]
        problem = f"{text!r} is not a NAS-Bench-101 cell"
        well_formed = (
            len(digits) == count**2 >= 4
            and not set(digits) - {"0", "1"}
            and (labels[0], labels[-1]) == ("input", "output")
            and not set(names) - set(OPERATIONS)
        )
        if not well_formed:
            raise LmregError(
                f"{problem}; expected 'adjacency|input|op|...|output': the digits of the matrix row by "
                "row, then one operation per vertex, with op one of " + ", ".join(OPERATIONS)
            )
        edges = frozenset(divmod(place, count) for place, digit in enumerate(digits) if digit == "1")
        if any(source >= target for source, target in edges):
            raise LmregError(f"{problem}: the matrix isn't upper triangular")
        return self._arch(CellGraph(tuple(map(OPERATIONS.index, names)), edges), problem)

    def _labels(self, cell: CellGraph) -> tuple[str, ...]:
        return ("input", *(OPERATIONS[choice] for choice in cell.operations), "output")

    def _arch(self, cell: CellGraph, problem: str) -> Arch:
        """Return the architecture of a cell; errors begin with ``problem``."""
        live = pruned(cell)
        if live is None:
            raise LmregError(f"{problem}: its output is not connected to its input")
        if live.vertices > VERTICES or len(live.edges) > MAX_EDGES:
            raise LmregError(
                f"{problem}: {live.vertices} vertices and {len(live.edges)} edges are left when it is "
                f"pruned; at most {VERTICES} and {MAX_EDGES} are allowed"
            )
        last = live.vertices - 1
        there = {(a, _OUTPUT if b == last else b) for a, b in live.edges}
        bits = tuple(int(edge in there) for edge in EDGES)
        return Arch(self.name, bits + live.operations + (0,) * (VERTICES - live.vertices))

    def _cell_number(self, index: int) -> Arch:
        """Return the pruned cell number ``index``, 0 <= index < `size`."""
        masks, ends, interiors = _wirings()
        row = int(np.searchsorted(ends, index, side="right"))
        mask, interior = int(masks[row]), int(interiors[row])
        rest = index - (int(ends[row - 1]) if row else 0)
        operations = [0] * (VERTICES - 2)
        for vertex in range(interior):
            rest, operations[vertex] = divmod(rest, len(OPERATIONS))
        return Arch(self.name, (*(mask >> place & 1 for place in range(len(EDGES))), *operations))


def _changes(cell: CellGraph) -> Iterator[CellGraph]:
    """Yield the changed cells of `NASBench101.neighbours`, unpruned; some aren't in the space."""
    count = cell.vertices
    for edge in ((a, b) for b in range(1, count) for a in range(b)):
        yield CellGraph(cell.operations, cell.edges ^ {edge})
    for vertex, old in enumerate(cell.operations):
        for new in set(range(len(OPERATIONS))) - {old}:
            yield CellGraph((*cell.operations[:vertex], new, *cell.operations[vertex + 1 :]), cell.edges)
    if count == VERTICES:
        return
    for source, target in ((a, b) for b in range(1, count) for a in range(b)):
        shifted = {(a + (a > source), b + (b > source)) for a, b in cell.edges}  # makes room after source
        edges = frozenset(shifted | {(source, source + 1), (source + 1, target + 1)})
        for new in range(len(OPERATIONS)):
            yield CellGraph((*cell.operations[:source], new, *cell.operations[source:]), edges)


@functools.cache
def _wirings() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all pruned graphs without operations, the smallest first, as three arrays int64 [6472].

    These are each graph's bit mask of `EDGES`, the number of cells up to and including its own, and its
    number of interior vertices.
    """
    masks, interiors = [], []
    for interior in range(VERTICES - 1):
        found = np.zeros(1, np.int64)
        for place, target in enumerate([*range(1, interior + 1), _OUTPUT]):
            incoming = np.arange(1, 2 ** (place + 1)) << EDGES.index((0, target))
            found = (found[:, None] | incoming).ravel()
            found = found[sum(found >> place & 1 for place in range(len(EDGES))) <= MAX_EDGES]
        for vertex in range(interior + 1):
            outgoing = sum(1 << place for place, (source, _) in enumerate(EDGES) if source == vertex)
            found = found[found & outgoing != 0]
        masks.append(found)
        interiors.append(np.full(len(found), interior))
    graphs = np.concatenate(interiors)
    return np.concatenate(masks), np.cumsum(len(OPERATIONS) ** graphs), graphs
