"""Architectures as vectors for predictors: their choices, and the paths through their cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from lmreg.space.base import Arch, Graph, Space


def encodings(space: Space, archs: Sequence[Arch]) -> tuple[np.ndarray, ...]:
    """Return the views of ``archs`` that predictors compare: the space's one-hot encoding, and if it has
    graphs, how often each `paths` occurs (square roots); float64 [n, features of the view] each.

    Paths say more than choices: in a cell they don't depend on the numbering of nodes, and parts without
    effect have none. Source of paths: White, Neiswanger, Savani, "BANANAS: Bayesian Optimization with Neural
    Architectures for Neural Architecture Search", AAAI 2021, section 3.
    """
    one_hot = np.stack([space.encode(arch) for arch in archs]).astype(np.float64)
    counts = [
        Counter((number, path) for number, graph in enumerate(space.graphs(arch)) for path in paths(graph))
        for arch in archs
    ]
    names = {name: i for i, name in enumerate(sorted(set().union(*counts)))}
    if not names:
        return (one_hot,)
    table = np.zeros((len(archs), len(names)))
    for row, count in zip(table, counts, strict=True):
        row[[names[name] for name in count]] = np.sqrt(list(count.values()))
    return one_hot, table


def paths(graph: Graph) -> list[tuple[str, ...]]:
    """Return the operations along every path from an input to the output; skip connections count as none."""
    on_nodes = not any(label for _, _, label in graph.edges)
    last = len(graph.nodes) - 1
    begun = [(str(i),) if graph.inputs > 1 else () for i in range(graph.inputs)]
    found: dict[int, list[tuple[str, ...]]] = {i: [path] for i, path in enumerate(begun)}
    for start, end, label in sorted(graph.edges, key=lambda edge: edge[1]):
        step = (graph.nodes[end],) if on_nodes and end != last else (label,) if label not in _NOTHING else ()
        found.setdefault(end, []).extend(path + step for path in found.get(start, []))
    return found.get(last, [])


_NOTHING = ("", "skip_connect")
