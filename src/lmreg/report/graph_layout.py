"""The layout of an architecture's graph: nodes one below the other, edges as arcs beside them."""

from __future__ import annotations

from dataclasses import dataclass

from lmreg.space.base import Graph

_GAP = 74  # between two nodes, px
_LETTER = 6.3  # width, px
_LINE = 15  # height of a line of text, px

Box = tuple[float, float, float, float]
"""Left, right, top and bottom, px."""


@dataclass(frozen=True)
class NodeShape:
    """A node: the centre and width of its box."""

    x: float
    y: float
    width: float
    label: str


@dataclass(frozen=True)
class EdgeShape:
    """An edge: its SVG path, arrow head and label position; ``live`` if it lies on a path to the output."""

    path: str
    head: str
    x: float
    y: float
    label: str
    live: bool


@dataclass(frozen=True)
class GraphLayout:
    """A graph as shapes, px; ``left`` is the least x, and ``in_words`` describes it to screen readers."""

    title: str
    left: float
    width: float
    height: float
    nodes: list[NodeShape]
    edges: list[EdgeShape]
    in_words: str


def lay_out(graph: Graph) -> GraphLayout:
    """Lay out ``graph`` around x = 0, from the top down."""
    height = _GAP * (len(graph.nodes) - 1) + 40
    nodes = [
        NodeShape(0, 20 + _GAP * i, max(34, _LETTER * len(label) + 18), label)
        for i, label in enumerate(graph.nodes)
    ]
    live = graph.live()
    boxes = [_box(n.x, n.y, n.width, 26) for n in nodes]
    ways, edges = _sides(graph, max(n.width for n in nodes)), []
    for index in sorted(range(len(graph.edges)), key=lambda i: abs(ways[i])):
        start, end, label = graph.edges[index]
        edge = _edge(nodes[start], nodes[end], ways[index], label, boxes, index in live)
        edges.append(edge)
    reach = [abs(e.x) + _LETTER * len(e.label) / 2 for e in edges] + [n.width / 2 for n in nodes]
    reach += [abs(way) for way in ways]
    half = max(reach) + 6
    words = ", ".join(f"{graph.nodes[a]} to {graph.nodes[b]}{': ' * bool(t)}{t}" for a, b, t in graph.edges)
    return GraphLayout(graph.title, -half, 2 * half, height, nodes, edges, words)


def _sides(graph: Graph, widest: float) -> list[float]:
    """Return how far each edge bends to the right (negative: left); 0 for the first between neighbours."""
    longest = max((len(label) for _, _, label in graph.edges), default=0)
    first = max(widest / 2 + 26, _LETTER * longest + 14)
    step = 20 + _LETTER * longest / 3
    taken: dict[int, list[tuple[int, int, int]]] = {1: [], -1: []}
    ways: list[float] = [0.0] * len(graph.edges)
    straight: set[int] = set()
    order = sorted(range(len(graph.edges)), key=lambda i: (graph.edges[i][1] - graph.edges[i][0], i))
    for index in order:
        start, end, _ = graph.edges[index]
        if end - start == 1 and start not in straight:
            straight.add(start)
            continue
        lanes = {}
        for side, others in taken.items():
            beside = [lane for a, b, lane in others if a < end and start < b]
            lanes[side] = max(beside, default=-1) + 1
        side = min(lanes, key=lambda s: (lanes[s], len(taken[s]), -s))
        taken[side].append((start, end, lanes[side]))
        ways[index] = side * (first + step * lanes[side])
    return ways


def _edge(
    start: NodeShape, end: NodeShape, way: float, label: str, boxes: list[Box], live: bool
) -> EdgeShape:
    if way == 0:
        top, tip = start.y + 13, end.y - 13
        path, head = f"M0 {top}V{tip - 6}", f"M-4.5 {tip - 8}h9L0 {tip}z"
        places = [(0.0, top + (tip - 6 - top) * t) for t in (0.48, 0.3, 0.7)]
    else:
        side = 1 if way > 0 else -1
        out, back = (side * start.width / 2, start.y + 4), (side * end.width / 2, end.y - 4)
        tip_x, bend = back[0] + side * 8, side * (abs(way) - max(start.width, end.width) / 2) / 0.75
        control = (out[0] + bend, back[0] + bend)
        path = (
            f"M{out[0]:.1f} {out[1]}C{control[0]:.1f} {out[1]} {control[1]:.1f} {back[1]} "
            f"{tip_x:.1f} {back[1]}"
        )
        head = f"M{tip_x:.1f} {back[1] - 4.5}v9L{back[0]:.1f} {back[1]}z"
        places = [
            (_bezier(out[0], *control, tip_x, t), _bezier(out[1], out[1], back[1], back[1], t))
            for t in (0.5, 0.42, 0.58, 0.34, 0.66, 0.28, 0.72)
        ]
    width = _LETTER * len(label) + 4
    x, y = min(
        places, key=lambda place: sum(_overlap(_box(place[0], place[1], width, _LINE), b) for b in boxes)
    )
    boxes.append(_box(x, y, width, _LINE))
    return EdgeShape(path, head, round(x, 1), round(y, 1), label, live)


def _bezier(a: float, b: float, c: float, d: float, t: float) -> float:
    s = 1 - t
    return s * s * s * a + 3 * s * s * t * b + 3 * s * t * t * c + t * t * t * d


def _box(x: float, y: float, width: float, height: float) -> Box:
    return (x - width / 2, x + width / 2, y - height / 2, y + height / 2)


def _overlap(one: Box, other: Box) -> float:
    across = min(one[1], other[1]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[2], other[2])
    return max(0.0, across) * max(0.0, down)
