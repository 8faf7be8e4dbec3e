from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from lmreg.errors import LmregError
from lmreg.space.base import Arch
from lmreg.space.genotype import CellInputs, GenotypeSpace, read_genotype, reorderings

OPERATIONS = ("none", "skip_connect", "conv_3x3")
CELL = (((1, 2), (0, 1)), ((2, 2), (2, 2)))
OTHER = (((1, 2), (0, 1)), ((1, 2), (2, 2)))
ARCH = Arch("pair", ())


class Pair(GenotypeSpace):
    """A space of one architecture; only the last node is concatenated to the output of `CELL`."""

    name, nodes, written = "pair", 2, OPERATIONS
    edge_labels = OPERATIONS  # type: ignore[assignment]

    def __init__(self, *cells: CellInputs):
        self._cells = cells

    def cells(self, arch: Arch) -> tuple[CellInputs, ...]:
        return self._cells

    def of_cells(self, cells: Sequence[CellInputs]) -> Arch:
        return ARCH

    def joined(self, cell: CellInputs) -> list[int]:
        return [3] if cell == CELL else super().joined(cell)


def drawn(nodes: int, rng: np.random.Generator) -> CellInputs:
    def one(node: int) -> tuple[int, int]:
        return int(rng.integers(node)), int(rng.integers(2))

    return tuple((one(node), one(node)) for node in range(2, 2 + nodes))


@pytest.mark.parametrize("nodes", [1, 3, 5])
def test_orders_are_those_permutations_that_lead_forward(nodes: int, rng: np.random.Generator) -> None:
    for cell in [drawn(nodes, rng) for _ in range(20)]:
        expected = set()
        for places in itertools.permutations(range(2, 2 + nodes)):
            place = [0, 1, *places]
            moved = {
                place[node]: tuple(sorted((place[s], o) for s, o in inputs))
                for node, inputs in enumerate(cell, start=2)
            }
            if all(source < node for node, inputs in moved.items() for source, _ in inputs):
                expected.add(tuple(moved[node] for node in range(2, 2 + nodes)))
        assert reorderings(cell) == expected


def test_text_goes_in_and_out() -> None:
    text = Pair(CELL, OTHER).format(ARCH)
    assert text == (
        "Genotype(normal=[('conv_3x3', 1), ('skip_connect', 0), ('conv_3x3', 2), ('conv_3x3', 2)], "
        "normal_concat=[3], reduce=[('conv_3x3', 1), ('skip_connect', 0), ('conv_3x3', 1), "
        "('conv_3x3', 2)], reduce_concat=[2, 3])"
    )
    assert read_genotype(text, 2, OPERATIONS, "") == [(CELL, [3]), (OTHER, [2, 3])]
    ranged = text.replace("[2, 3]", "range(2, 4)").replace("[3]", "range(4, 2)")
    assert read_genotype(ranged, 2, OPERATIONS, "") == [(CELL, []), (OTHER, [2, 3])]


def test_operations_that_no_edge_may_have() -> None:
    text = Pair(CELL, CELL).format(ARCH)
    read_genotype(text, 2, (None, *OPERATIONS[1:]), "")
    with pytest.raises(
        LmregError, match=r"^x: normal: \('none', 1\) is no edge .* op one of skip_connect, conv_3x3$"
    ):
        read_genotype(text.replace("conv_3x3", "none", 1), 2, (None, *OPERATIONS[1:]), "x")


def test_graphs_have_no_edges_of_none() -> None:
    normal, _ = Pair(*[(((0, 0), (1, 2)),)] * 2).graphs(ARCH)
    assert normal.nodes == ("last but one", "last", "1", "output")
    assert normal.edges == ((1, 2, "conv_3x3"), (2, 3, ""))
