"""NAS-Bench-201: cells of 4 nodes whose 6 edges each carry one of 5 operations.

Source: Dong & Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture
Search", ICLR 2020.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from lmreg.errors import LmregError
from lmreg.space.base import Arch, Graph, Space
from lmreg.space.symbolic import Sum, SymbolicCell, add

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NODES = 4
EDGES = tuple((source, node) for node in range(1, NODES) for source in range(node))
"""(from, to) of each decision's edge, in the order of the benchmark's strings."""


@dataclass
class Config:
    name: str = "nasbench201"


class NASBench201(Space):
    """The benchmark's 15,625 cells, in 4,954 isomorphism classes."""

    def __init__(self, config: Config | None = None):
        self.name = (config or Config()).name
        self.options = (OPERATIONS,) * len(EDGES)
        self.targets = tuple(target for _, target in EDGES)

    def canonical(self, arch: Arch) -> str:
        """Return the function that the cell computes of its input "x", see `lmreg.space.symbolic`.

        Zeros vanish from sums, a skip connection equals its source, a pool of a sum is the sum of pools, and
        what doesn't reach the output is left out. Two convolutions of one node remain two layers.
        """
        return _function(arch.choices)

    def benchmark_key(self, arch: Arch) -> str:
        """Return the benchmark's own isomorphism key, by which its files and tables are indexed.

        A node is the sorted sum of its inputs, in which a skip connection equals its source, and an edge with
        `none` or from a node that is only zero counts as zero ("#"). This gives 6,466 classes, as zeros stay
        in longer sums and sums after a skip connection aren't flattened. The key doesn't tell whether a node
        that is read twice is computed once.
        """
        nodes = ["0"]
        for node in range(1, NODES):
            terms = []
            for (source, target), choice in zip(EDGES, arch.choices, strict=True):
                if target != node:
                    continue
                operation = OPERATIONS[choice]
                if operation == "none" or nodes[source] == "#":
                    terms.append("#")
                elif operation == "skip_connect":
                    terms.append(nodes[source])
                else:
                    terms.append(f"({nodes[source]})@{operation}")
            nodes.append("+".join(sorted(terms)))
        return nodes[-1]

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        named = ((*edge, OPERATIONS[choice]) for edge, choice in zip(EDGES, arch.choices, strict=True))
        edges = tuple(edge for edge in named if edge[2] != "none")
        return (Graph(("input", "1", "2", "output"), edges),)

    def format(self, arch: Arch) -> str:
        groups = []
        for node in range(1, NODES):
            edges = zip(EDGES, arch.choices, strict=True)
            terms = [f"{OPERATIONS[c]}~{source}" for (source, target), c in edges if target == node]
            groups.append(f"|{'|'.join(terms)}|")
        return "+".join(groups)

    def parse(self, text: str) -> Arch:
        terms = [term for group in text.strip().split("+") for term in group.strip("|").split("|")]
        sources = [f"~{source}" for source, _ in EDGES]
        names = [term.removesuffix(s) for term, s in zip(terms, sources, strict=False)]
        if len(terms) == len(EDGES) and all(name in OPERATIONS for name in names):
            arch = self.arch(tuple(OPERATIONS.index(name) for name in names))
            if self.format(arch) == text.strip():
                return arch
        raise LmregError(
            f"{text!r} is not a NAS-Bench-201 cell; expected "
            "'|op~0|+|op~0|op~1|+|op~0|op~1|op~2|' with op one of " + ", ".join(OPERATIONS)
        )


def apply_operation(symbolic: SymbolicCell, operation: str, value: Sum) -> Sum:
    """Return the result of one of the benchmark's operations on a value."""
    if operation == "none":
        return ()
    if operation == "skip_connect":
        return value
    if operation == "avg_pool_3x3":
        return symbolic.linear(operation, value)
    return symbolic.weighted(operation, value)


@functools.cache
def _function(choices: tuple[int, ...]) -> str:
    """Return the key of `NASBench201.canonical`."""
    symbolic = SymbolicCell("x")
    into: list[list[Sum]] = [symbolic.inputs, *([] for _ in range(1, NODES))]
    for (source, target), choice in zip(EDGES, choices, strict=True):
        into[target].append(apply_operation(symbolic, OPERATIONS[choice], add(into[source])))
    return symbolic.key([add(into[-1])])
