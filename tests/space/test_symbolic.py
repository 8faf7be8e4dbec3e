from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lmreg.network.nasbench201 import _operation
from lmreg.space.base import Arch
from lmreg.space.nasbench201 import EDGES, NODES, OPERATIONS, NASBench201
from lmreg.space.symbolic import Sum, SymbolicCell, add

CONVOLUTIONS = [i for i, name in enumerate(OPERATIONS) if "conv" in name]


def test_sums_and_factors() -> None:
    cell = SymbolicCell("x")
    (x,) = cell.inputs
    a, b = cell.weighted("c", x), cell.weighted("c", add([x, x]))
    assert cell.key([a]) == cell.key([b]) == "c(x)"  # twice the same is the same to a normalisation
    assert cell.key([add([a, a])]) == "c(x)+c(x)"
    assert cell.key([add([a, b])]).startswith("c(x)+c(x) #")  # but two layers aren't one
    assert cell.linear("p", add([a, x])) == add([cell.linear("p", a), cell.linear("p", x)])
    assert cell.homogeneous("m", add([a, b])) != add([cell.homogeneous("m", v) for v in (a, b)])
    assert cell.homogeneous("m", add([a, a])) == 2 * cell.homogeneous("m", a)
    assert cell.normalised("m", add([a, a])) == cell.normalised("m", a)
    assert not any(op("o", ()) for op in (cell.weighted, cell.normalised, cell.homogeneous, cell.linear))
    assert cell.key([()]) == "0"


def test_what_is_not_used_does_not_count() -> None:
    cell = SymbolicCell("xy")
    x, y = cell.inputs
    before = cell.key([cell.weighted("c", x)])
    dead = cell.weighted("c", cell.weighted("c", y))
    used = cell.weighted("c", x)
    assert cell.key([used]) == before
    assert cell.dependencies([used]) == {*x, *used}
    assert cell.dependencies([dead]) >= {*y, *dead}


def random_terms(rng: np.random.Generator) -> tuple[list[tuple[str, list[int]]], list[list[int]]]:
    """Draw layers, each with the nodes that it reads, and outputs, with few kinds so that many are equal."""
    count = int(rng.integers(2, 6))
    layers = [
        (
            "cp"[int(rng.random() < 0.2)],
            [int(v) for v in rng.integers(min(i + 1, 3), size=rng.integers(1, 3))],
        )
        for i in range(count)
    ]
    outputs = [
        [int(v) for v in rng.integers(count + 1, size=rng.integers(1, 4))] for _ in range(rng.integers(1, 4))
    ]
    return layers, outputs


def described(layers: list[tuple[str, list[int]]], outputs: list[list[int]]) -> tuple[str, str]:
    """Return the key and an independent canonical form, the least description over all numberings."""
    cell = SymbolicCell("x")
    values: list[Sum] = list(cell.inputs)
    for operation, read in layers:
        value = add(values[node] for node in read)
        values.append(cell.weighted("c", value) if operation == "c" else cell.normalised("p", value))
    ends = [add(values[node] for node in output) for output in outputs]
    used = sorted(cell.dependencies(ends) - {0})
    found = []
    for order in itertools.permutations(range(1, len(used) + 1)):
        number = dict(zip(used, order, strict=True)) | {0: 0}
        lines = sorted(
            (number[s], cell._labels[s], tuple(sorted(number[r] for r in cell._reads[s]))) for s in used
        )
        found.append(repr((lines, sorted(tuple(sorted(number[s] for s in value)) for value in ends))))
    return cell.key(ends), min(found)


def test_a_key_stands_for_one_pattern_of_layers(rng: np.random.Generator) -> None:
    """Keys agree with a comparison over all numberings of the layers, whatever the order of creation."""
    keys: dict[str, set[str]] = defaultdict(set)
    patterns: dict[str, set[str]] = defaultdict(set)
    for _ in range(1500):
        key, pattern = described(*random_terms(rng))
        keys[key].add(pattern)
        patterns[pattern].add(key)
    assert max(map(len, keys.values())) == max(map(len, patterns.values())) == 1
    assert sum("#" in key for key in keys) > 300
    assert len(keys) < 1300  # some were met again


class Computed:
    """Evaluates NAS-Bench-201's cells numerically with any assignment of convolutions to edges.

    Of each kind of convolution there are as many as a cell has edges. Normalisation as in the network, its
    epsilon next to nothing, so that a factor is undone.
    """

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.modules = {
            (choice, number): self._module(choice)
            for choice in range(1, len(OPERATIONS))
            for number in range(len(EDGES) if choice in CONVOLUTIONS else 1)
        }
        self.x, self.look = torch.randn(3, 2, 4, 4).double(), torch.randn(3, 2, 4, 4).double()

    @staticmethod
    def _module(choice: int) -> torch.nn.Module:
        module = _operation(OPERATIONS[choice], 2).double()
        for part in module.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.eps = 1e-12
                torch.nn.init.uniform_(part.weight, 0.5, 2)
        return module

    @functools.cache  # noqa: B019
    def edge(self, choice: int, number: int, source: tuple[Any, ...]) -> Tensor:
        with torch.no_grad():
            return self.modules[choice, number](self.node(source))

    @functools.cache  # noqa: B019
    def node(self, terms: tuple[Any, ...]) -> Tensor:
        """Return the sum of ``terms``, (choice, number, source) of each edge; ("x",) is the input."""
        if terms == ("x",):
            return self.x
        values = [self.edge(*term) for term in terms if term[0]]
        return sum(values[1:], start=values[0]) if values else torch.zeros_like(self.x)

    def output(self, arch: Arch, numbers: dict[int, int]) -> float:
        nodes: list[tuple[Any, ...]] = [("x",)]
        for node in range(1, NODES):
            into = [(e, s) for e, (s, t) in enumerate(EDGES) if t == node]
            nodes.append(tuple((arch.choices[e], numbers.get(e, 0), nodes[s]) for e, s in into))
        return float((self.node(nodes[-1]) * self.look).sum())

    def fingerprint(self, arch: Arch) -> float:
        """Return the least output over all assignments of convolutions to the edges that have an effect."""
        edges = [e for e, choice in enumerate(arch.choices) if choice in CONVOLUTIONS]
        usual = {e: place for place, e in enumerate(edges)}
        plain = self.output(arch, usual)
        other = len(EDGES) - 1
        live = [e for e in edges if abs(self.output(arch, usual | {e: other}) - plain) > 1e-9]
        if len(edges) == len(EDGES):  # the last has no other to be exchanged with: as it leads to the output
            live = edges
        kinds = [[e for e in live if arch.choices[e] == choice] for choice in CONVOLUTIONS]
        orders = [itertools.permutations(range(len(kind))) for kind in kinds]
        return min(
            self.output(
                arch, {e: n for k, o in zip(kinds, order, strict=True) for e, n in zip(k, o, strict=True)}
            )
            for order in itertools.product(*orders)
        )


@pytest.mark.slow
def test_nasbench201_has_as_many_keys_as_functions(space: NASBench201) -> None:
    """Of all 15,625 cells, exactly those that compute the same with matched convolutions share a key."""
    computed = Computed()
    archs = list(space.enumerate())
    prints = np.array([computed.fingerprint(arch) for arch in archs])
    order = np.argsort(prints)
    gaps = np.diff(prints[order])
    assert not ((gaps > 1e-7) & (gaps < 1e-6)).any()  # clearly one or clearly two
    group = np.empty(len(archs), int)
    group[order] = np.cumsum([0, *(gaps > 1e-7)])
    keys = [space.canonical(arch) for arch in archs]
    pairs = set(zip(keys, group.tolist(), strict=True))
    assert len(pairs) == len(set(keys)) == len(set(group)) == 4_954
