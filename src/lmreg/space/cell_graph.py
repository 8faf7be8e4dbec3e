"""Cells as graphs with operations on the vertices: pruning, isomorphism, distance, paths."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numpy as np

from lmreg.space.base import md5_of, on_paths


@dataclass(frozen=True, slots=True)
class CellGraph:
    """A directed acyclic graph whose vertex 0 is the input and whose last vertex is the output.

    Attributes:
        operations: one index per interior vertex.
        edges: (from, to) with from < to.
    """

    operations: tuple[int, ...]
    edges: frozenset[tuple[int, int]]

    @property
    def vertices(self) -> int:
        return len(self.operations) + 2

    def sources(self, vertex: int) -> list[int]:
        """Return the vertices with an edge to ``vertex``, ascending."""
        return sorted(a for a, b in self.edges if b == vertex)

    def matrix(self) -> np.ndarray:
        """Return the adjacency matrix, int64 [vertices, vertices]: 1 in row *from*, column *to*."""
        matrix = np.zeros((self.vertices, self.vertices), np.int64)
        for edge in self.edges:
            matrix[edge] = 1
        return matrix


def pruned(cell: CellGraph) -> CellGraph | None:
    """Return the part on paths from input to output, in the same order; None if there is no path."""
    live = sorted(on_paths(cell.edges, [0], cell.vertices - 1))
    if not live:
        return None
    number = {vertex: place for place, vertex in enumerate(live)}
    edges = frozenset((number[a], number[b]) for a, b in cell.edges if a in number and b in number)
    return CellGraph(tuple(cell.operations[vertex - 1] for vertex in live[1:-1]), edges)


def module_hash(cell: CellGraph) -> str:
    """Return NAS-Bench-101's hash of a pruned cell, 32 hexadecimal digits; isomorphic cells share it.

    A vertex's hash starts from its degrees and label and is updated by its neighbours' hashes, as many times
    as there are vertices (Ying et al., ICML 2019, supplement). The benchmark files its data under this hash.
    """
    count = cell.vertices
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for a, b in cell.edges:
        after[a].append(b)
        before[b].append(a)
    labels = (-1, *cell.operations, -2)
    hashes = [md5_of(str((len(after[v]), len(before[v]), labels[v]))) for v in range(count)]
    for _ in range(count):
        beside = [
            ["".join(sorted(hashes[w] for w in near[v])) for near in (before, after)] for v in range(count)
        ]
        hashes = [md5_of("|".join((*beside[v], hashes[v]))) for v in range(count)]
    return md5_of(str(sorted(hashes)))


def count_labellings(cell: CellGraph) -> int:
    """Return the number of distinct graphs that reorder the vertices such that every edge leads forward."""
    orders = _orders(cell.vertices)
    matrices, labels = _reordered(cell, cell.vertices, orders)
    forward = ~np.tril(matrices).any((1, 2))
    both = np.concatenate([matrices[forward].reshape(forward.sum(), -1), labels[forward]], 1)
    return len({row.tobytes() for row in both})


def edit_distance(a: CellGraph, b: CellGraph, vertices: int) -> int:
    """Return the least number of differing edges and operations over all matchings of interior vertices.

    Cells with fewer than ``vertices`` are filled up; a missing vertex differs from every operation.
    """
    orders = _orders(vertices)
    matrices, labels = _reordered(b, vertices, orders)
    (matrix,), (label,) = _reordered(a, vertices, orders[:1])
    differing = (matrices != matrix).sum((1, 2)) + (labels != label).sum(1)
    return int(differing.min())


@functools.cache
def _orders(vertices: int) -> np.ndarray:
    """Return every order of the vertices that keeps input and output in place, [orders, vertices]."""
    inner = itertools.permutations(range(1, vertices - 1))
    return np.array([(0, *order, vertices - 1) for order in inner])


def _reordered(cell: CellGraph, vertices: int, orders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return matrices [orders, vertices, vertices] and interior labels [orders, vertices - 2], −1 for none.

    Vertices that ``cell`` lacks are placed before the output.
    """
    place = [*range(cell.vertices - 1), vertices - 1]
    matrix = np.zeros((vertices, vertices), np.int8)
    for a, b in cell.edges:
        matrix[place[a], place[b]] = 1
    labels = np.full(vertices, -1, np.int8)
    labels[1 : cell.vertices - 1] = cell.operations
    return matrix[orders[:, :, None], orders[:, None, :]], labels[orders[:, 1:-1]]


def path_encoding(cell: CellGraph, operations: int, longest: int) -> np.ndarray:
    """Return, for every sequence of operations, 1 if a path from input to output has it, else 0; float32.

    Shorter sequences come first, up to the length ``longest``; those of one length are ordered as numbers to
    the base ``operations``, the number of operations.
    """
    features = np.zeros(sum(operations**length for length in range(longest + 1)), np.float32)
    # Reached so far by vertex: (length, number) of the sequences before it.
    reached: list[set[tuple[int, int]]] = [{(0, 0)}] + [set() for _ in range(cell.vertices - 1)]
    for a, b in sorted(cell.edges):
        if a == 0:
            reached[b] |= reached[a]
        else:
            label = cell.operations[a - 1]
            reached[b] |= {(length + 1, number * operations + label) for length, number in reached[a]}
    for length, number in reached[-1]:
        features[sum(operations**shorter for shorter in range(length)) + number] = 1
    return features
