from __future__ import annotations

import itertools

import numpy as np
import pytest

from lmreg.report.graph_layout import GraphLayout, lay_out
from lmreg.space.base import Graph
from lmreg.space.nasbench201 import NASBench201

# A cell of the DARTS space: two inputs, operations on edges, outputs joined.
DARTS = Graph(
    ("c_{k-2}", "c_{k-1}", "0", "1", "2", "3", "c_{k}"),
    (
        *((0, 2, "sep_conv_3x3"), (1, 2, "sep_conv_3x3"), (0, 3, "sep_conv_3x3"), (1, 3, "sep_conv_3x3")),
        *((1, 4, "sep_conv_3x3"), (0, 4, "skip_connect"), (0, 5, "skip_connect"), (2, 5, "dil_conv_3x3")),
        *((2, 6, ""), (3, 6, ""), (4, 6, ""), (5, 6, "")),
    ),
    inputs=2,
)
# A cell of NAS-Bench-101: operations on nodes.
ON_NODES = Graph(
    ("input", "conv3x3-bn-relu", "maxpool3x3", "output"), ((0, 1, ""), (1, 2, ""), (2, 3, ""), (0, 3, ""))
)


def overlap(drawing: GraphLayout) -> float:
    """The total area by which labels overlap, px²."""
    boxes = [(e.x, e.y, 6.3 * len(e.label)) for e in drawing.edges if e.label]
    area = 0.0
    for (x, y, w), (u, v, z) in itertools.combinations(boxes, 2):
        area += max(0.0, (w + z) / 2 - abs(x - u)) * max(0.0, 13 - abs(y - v))
    return area


@pytest.mark.parametrize("graph", [DARTS, ON_NODES], ids=["darts", "on nodes"])
def test_other_kinds_of_cells_are_drawn_within_their_frame(graph: Graph) -> None:
    drawing = lay_out(graph)
    assert [n.label for n in drawing.nodes] == list(graph.nodes)
    assert sorted(e.label for e in drawing.edges) == sorted(label for *_, label in graph.edges)
    for edge in drawing.edges:
        half = 6.3 * len(edge.label) / 2
        assert drawing.left <= edge.x - half <= edge.x + half <= drawing.left + drawing.width
        assert 0 <= edge.y <= drawing.height
    assert all(edge.live for edge in drawing.edges)


def test_labels_of_a_benchmark_cell_do_not_cover_each_other(
    space: NASBench201, rng: np.random.Generator
) -> None:
    for _ in range(50):
        (graph,) = space.graphs(space.sample(rng))
        drawing = lay_out(graph)
        assert overlap(drawing) == 0
        assert drawing.width <= 360  # legible on a phone
    assert overlap(lay_out(DARTS)) < 400  # a few touch, but none covers another


def test_edges_without_effect_are_marked() -> None:
    graph = Graph(("input", "1", "2", "output"), ((0, 1, "a"), (1, 2, "b"), (0, 3, "c")))
    assert {e.label: e.live for e in lay_out(graph).edges} == {"a": False, "b": False, "c": True}


def test_a_cell_without_edges_is_drawn_too() -> None:
    drawing = lay_out(Graph(("input", "output"), ()))
    assert (len(drawing.nodes), drawing.edges) == (2, [])
    assert np.isfinite([drawing.left, drawing.width, drawing.height]).all()
