from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats
from tests.space.test_darts import DARTS_V2

from lmreg.algo.fairnas import FairNAS
from lmreg.errors import LmregError
from lmreg.report.graph_layout import lay_out
from lmreg.space.base import Arch
from lmreg.space.darts import DARTSSpace
from lmreg.space.genotype import CELL_NAMES, CellInputs
from lmreg.space.nds import FAMILIES, NDS, Config, Family
from lmreg.testing import check_space

NONE, MAX, AVG, SKIP, SEP3, SEP5, DIL3, DIL5 = range(8)
SKIPS = (((0, SKIP), (1, SKIP)),) * 4
# Of the 5 nodes the third and the fifth are read by none.
ENAS = (
    "Genotype(normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_5x5', 2), "
    "('avg_pool_3x3', 3), ('max_pool_3x3', 0), ('sep_conv_3x3', 3), ('skip_connect', 2), "
    "('sep_conv_5x5', 5), ('sep_conv_3x3', 5)], normal_concat=[4, 6], reduce=[('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1)], reduce_concat=[2, 3, 4, 5, 6])"
)


@pytest.fixture(scope="module")
def space() -> NDS:
    return NDS()


def of(family: str) -> NDS:
    return NDS(Config(family=family))


def arch(space: NDS, normal: CellInputs, reduction: CellInputs = SKIPS) -> Arch:
    """Return the architecture whose nodes have these (source, operation) pairs."""
    operations = len(space.family.operations)
    inputs = [pair for cell in (normal, reduction) for node in cell for pair in node]
    return space.arch(tuple(source * operations + operation for source, operation in inputs))


@pytest.mark.parametrize(
    ("family", "giga"),
    [("darts", 242), ("enas", 5_063), ("pnas", 556_628), ("amoeba", 556_628), ("nasnet", 71_465_842)],
)
def test_spaces_are_as_large_as_the_paper_says(family: str, giga: int) -> None:
    """Table 2 gives billions of cells; an architecture is a pair of cells."""
    cells = math.isqrt(of(family).size)
    assert cells**2 == of(family).size
    assert int(cells / 1e9 + 0.5) == giga


@pytest.mark.parametrize(  # that of DARTS is the catalogue's
    "family",
    [
        pytest.param(name, marks=pytest.mark.slow if name == "amoeba" else ())
        for name in sorted(FAMILIES)
        if name != "darts"
    ],
)
def test_every_family_is_a_space(family: str) -> None:
    check_space(of(family))


def test_genotypes_go_in_and_out(space: NDS) -> None:
    found = space.parse(DARTS_V2)
    assert space.format(found) == DARTS_V2  # a node's inputs stay in their order
    normal, reduction = space.cells(found)
    assert normal[2:] == (((1, SEP3), (0, SKIP)), ((0, SKIP), (2, DIL3)))
    assert reduction[1] == ((2, SKIP), (1, MAX))
    assert space.parse(DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 6)")) == found
    assert [space.options[d][c] for d, c in enumerate(found.choices)][4:6] == [
        "sep_conv_3x3~1",
        "skip_connect~0",
    ]
    assert of("enas").format(of("enas").parse(ENAS)) == ENAS
    darts = DARTSSpace()  # whose genotypes all are of this space, too
    for drawn in [darts.sample(np.random.default_rng(seed)) for seed in range(20)]:
        assert space.format(space.parse(darts.format(drawn))) == darts.format(drawn)


@pytest.mark.parametrize(
    ("family", "text", "why"),
    [
        ("darts", "", "expected Genotype("),
        ("darts", ENAS, "normal must list 8 edges, 2 for each of 4 nodes"),
        (
            "darts",
            DARTS_V2.replace("normal_concat=[2, 3, 4, 5]", "normal_concat=[4, 5]"),
            "[2, 3, 4, 5], all nodes",
        ),
        (
            "darts",
            DARTS_V2.replace("sep_conv_3x3", "sep_conv_7x7", 1),
            "('sep_conv_7x7', 0) is no edge into node 2",
        ),
        (
            "enas",
            ENAS.replace("[4, 6]", "[6]"),
            "normal_concat must be [4, 6], the nodes that no other reads",
        ),
        ("enas", ENAS.replace("[4, 6]", "range(2, 7)"), "normal_concat must be [4, 6]"),
        ("enas", ENAS.replace("('sep_conv_3x3', 1)", "('none', 1)", 1), "('none', 1) is no edge into node 2"),
        ("amoeba", ENAS.replace("('sep_conv_3x3', 1)", "('sep_conv_3x3', 2)", 1), "a source from 0 to 1"),
    ],
)
def test_wrong_text_is_refused_in_one_line(family: str, text: str, why: str) -> None:
    with pytest.raises(LmregError, match="is not a genotype of nds") as error:
        of(family).parse(text)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_inputs_are_drawn_with_replacement(space: NDS) -> None:
    rng, draws = np.random.default_rng(0), 3_000
    archs = [space.sample(rng) for _ in range(draws)]
    choices = np.array([a.choices for a in archs])
    for node, (first, second) in enumerate(zip(choices.T[::2], choices.T[1::2], strict=True)):
        share = 1 / (8 * (2 + node % 4))
        assert abs((first == second).mean() - share) < 5 * (share * (1 - share) / draws) ** 0.5
    seen = np.bincount(choices[:, 0], minlength=16)
    assert (abs(seen / draws - 1 / 16) < 5 * (1 / 16 / draws) ** 0.5).all()


def test_networks_that_are_surely_the_same_by_hand(space: NDS) -> None:
    def key(*nodes: tuple[tuple[int, int], ...]) -> str:
        return space.canonical(arch(space, nodes))

    # The inputs of a normal cell: skip connections of them are no convolutions.
    one, other, rest = ((0, SEP3), (1, MAX)), ((0, SEP5), (1, SEP5)), ((0, SKIP), (1, SKIP))
    assert key(one, other, rest, rest) == key(rest, other, one[::-1], rest)
    assert key(one, one, rest, rest) != key(one, other, rest, rest)
    # The second node of a pair that is alike may be read in place of the first, but not both for one.
    reading, twice, both = (((a, SEP3), (b, SEP5)) for a, b in ((2, 1), (2, 2), (2, 3)))
    assert key(one, one, reading, rest) == key(one, one, ((3, SEP3), (1, SEP5)), rest)
    assert key(one, one, twice, rest) != key(one, one, both, rest)
    # To skip connections the sum of both is twice one of them.
    doubles = [((a, SKIP), (b, SKIP)) for a, b in ((2, 2), (2, 3))]
    assert key(one, one, doubles[0], rest) != key(one, one, doubles[1], rest)  # SEP3 has weights
    assert key(other, rest, rest, doubles[0]) != key(other, rest, rest, ((3, SKIP), (4, SKIP)))
    assert key(rest, rest, doubles[0], other) == key(rest, rest, doubles[1], other)
    read = [key(rest, rest, doubles[0], ((node, SEP3), (0, SEP5))) for node in (2, 3, 4)]
    assert read[0] == read[1] == read[2]
    # Which source `none` has doesn't matter.
    assert key(((0, NONE), (0, SEP3)), one, other, rest) == key(((0, SEP3), (1, NONE)), one, other, rest)
    # A node of two of them is zero, and so is what is computed of it, and a node of these.
    zero, chained = ((0, NONE), (1, NONE)), ((2, SKIP), (2, AVG))
    assert key(zero, chained, ((3, MAX), (0, SEP3)), rest) == key(zero, zero, ((0, SEP3), (1, NONE)), rest)
    assert key(zero, ((2, SEP3), (0, SEP3)), one, rest) == key(zero, ((0, NONE), (0, SEP3)), one, rest)
    assert key(rest, ((2, SKIP), (0, SEP3)), one, rest) != key(rest, ((0, NONE), (0, SEP3)), one, rest)


def computed(cell: CellInputs, names: tuple[str, ...]) -> list[tuple[object, ...]]:
    """Return each node as a nested sum of operations on the cell's inputs, independent of order."""
    nodes: list[tuple[object, ...]] = [("before",), ("last",)]
    for pair in cell:
        terms = [(names[operation], nodes[source]) for source, operation in pair]
        real = [t for t in terms if t[0] != "none" and (t[0] != "skip_connect" or t[1] != ())]
        nodes.append(tuple(sorted(real, key=repr)))
    return sorted(nodes[2:], key=repr)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> NDS:
    names = ("none", "skip_connect", "sep_conv_3x3")
    monkeypatch.setitem(FAMILIES, "tiny", Family(2, False, names))
    return of("tiny")


def tiny_cells() -> list[CellInputs]:
    """Return all cells of that space."""
    inputs = [[(s, o) for s in range(node) for o in range(3)] for node in (2, 3)]
    return list(itertools.product(*(itertools.product(options, repeat=2) for options in inputs)))


def test_one_key_means_one_computation(tiny: NDS) -> None:
    """All cells of a small space that share a key compute the same, by an independent description of them.

    With two nodes the converse holds too, as no node can distinguish two others that are equal.
    """
    cells = tiny_cells()
    assert len(cells) == 6**2 * 9**2
    found: dict[str, set[str]] = {}
    for cell in cells:
        key = tiny.benchmark_key(arch(tiny, cell, cells[0]))
        found.setdefault(key, set()).add(repr(computed(cell, tiny.family.operations)))
    assert all(len(computations) == 1 for computations in found.values())
    assert len(set().union(*found.values())) == len(found) < len(cells) / 4
    functions = {key: {tiny.canonical(tiny.parse(key))} for key in found}
    for cell in cells:
        given = arch(tiny, cell, cells[0])
        functions[tiny.benchmark_key(given)].add(tiny.canonical(given))
    assert all(len(keys) == 1 for keys in functions.values())
    assert len(set().union(*functions.values())) < len(found)  # skip connections make more of them one


def test_sampling_networks_is_uniform_over_classes(tiny: NDS) -> None:
    rng, first = np.random.default_rng(0), tiny_cells()[0]
    keys = {tiny.benchmark_key(arch(tiny, cell, first)) for cell in tiny_cells()}
    archs = [tiny.sample_network(rng) for _ in range(3_000)]
    for number in range(len(CELL_NAMES)):
        alone = [arch(tiny, tiny.cells(a)[number], first) for a in archs]
        seen = Counter(tiny.benchmark_key(a) for a in alone)
        assert seen.keys() <= keys
        counts = [seen[key] for key in keys]
        assert stats.chisquare(counts).pvalue > 1e-5
    ordered = [first <= second for a in archs for first, second in [a.choices[2:4]] if first != second]
    assert 0.4 < np.mean(ordered) < 0.6


def reordered(space: NDS, given: Arch, rng: np.random.Generator) -> Arch:
    """Return the same network with its nodes in another order and each node's inputs swapped."""
    cells = []
    for cell in space.cells(given):
        left, place, nodes = list(range(len(cell))), {0: 0, 1: 1}, []
        while left:
            ready = [node for node in left if all(s in place for s, _ in cell[node])]
            node = ready[int(rng.integers(len(ready)))]
            nodes.append(tuple((place[s], choice) for s, choice in reversed(cell[node])))
            place[node + 2] = len(place)
            left.remove(node)
        cells.append(tuple(nodes))
    return arch(space, *cells)


@pytest.mark.parametrize("family", ["darts", "enas", "nasnet"])
def test_canonical_is_invariant_and_idempotent(family: str, rng: np.random.Generator) -> None:
    space, changed = of(family), 0
    for given in [space.sample(rng) for _ in range(20)]:
        key, other = space.benchmark_key(given), reordered(space, given, rng)
        changed += [sorted(n) for n in space.cells(other)[0]] != [sorted(n) for n in space.cells(given)[0]]
        assert space.benchmark_key(other) == key
        assert space.benchmark_key(space.parse(key)) == key
        assert space.canonical(other) == space.canonical(given) == space.canonical(space.parse(key))
    assert changed > 5


def test_neighbours_by_hand(space: NDS) -> None:
    given = space.parse(DARTS_V2)
    near = space.neighbours(given)
    # 2 cells, 2 inputs for each node: 7 other operations, and 1, 2, 3 and 4 other sources.
    assert len(near) == len(set(near)) == 2 * 2 * sum(7 + sources for sources in (1, 2, 3, 4))
    assert all(space.distance(given, other) == 1 for other in near)
    assert all(given in space.neighbours(other) for other in near[::10])
    changed = arch(space, (((1, SEP3), (1, SEP3)), *space.cells(given)[0][1:]), space.cells(given)[1])
    assert changed in near
    assert (
        arch(space, (((1, SEP5), (1, SEP3)), *space.cells(given)[0][1:]), space.cells(given)[1]) not in near
    )


def test_distance_counts_inputs_that_differ_whatever_their_order(space: NDS) -> None:
    def apart(one: tuple[tuple[int, int], ...], other: tuple[tuple[int, int], ...]) -> int:
        return space.distance(arch(space, (one, *SKIPS[1:])), arch(space, (other, *SKIPS[1:])))

    a, b, c = (0, SEP3), (1, MAX), (1, SEP3)
    assert apart((a, b), (b, a)) == 0
    assert apart((a, b), (a, c)) == apart((a, b), (c, a)) == apart((a, a), (b, a)) == 1
    assert apart((a, a), (b, c)) == apart((a, a), (c, c)) == 2
    assert apart((a, (0, NONE)), ((1, NONE), a)) == 0
    assert apart((a, (0, NONE)), (a, a)) == 1


def test_encoding_counts_operations_and_sources(space: NDS) -> None:
    given = arch(space, (((1, SEP3), (1, SEP3)), ((2, DIL3), (0, NONE)), *SKIPS[2:]))
    code = space.encode(given)
    assert code.shape == (2 * (4 * 8 + 2 + 3 + 4 + 5),)
    assert np.flatnonzero(code[:10]).tolist() == [SEP3, 8 + 1]
    assert code[:10].max() == 2
    assert np.flatnonzero(code[10:21]).tolist() == [NONE, DIL3, 8 + 2]  # `none` has no source
    swapped = arch(space, (((1, SEP3), (1, SEP3)), ((0, NONE), (2, DIL3)), *SKIPS[2:]))
    assert (space.encode(swapped) == code).all()


def test_cells_as_graphs(space: NDS) -> None:
    enas = of("enas")
    normal, reduction = enas.graphs(enas.parse(ENAS))
    assert normal.nodes == ("last but one", "last", "1", "2", "3", "4", "5", "output")
    assert [edge for edge in normal.edges if edge[1] == 7] == [(4, 7, ""), (6, 7, "")]
    assert normal.edges[:2] == ((1, 2, "sep_conv_3x3"),) * 2
    assert len({edge.path for edge in lay_out(normal).edges}) == 10 + 2  # both are to be seen
    assert len(reduction.edges) == 10 + 5
    nothing = space.graphs(arch(space, (((0, NONE), (1, SEP3)), *SKIPS[1:])))[0]
    assert [edge for edge in nothing.edges if edge[1] == 2] == [(1, 2, "sep_conv_3x3")]
    assert space.edge_labels == FAMILIES["darts"].operations


def test_fairnas_is_refused(space: NDS) -> None:
    with pytest.raises(
        LmregError, match=r"as many options at every decision; nds has 16 and 24 and 32 and 40"
    ):
        FairNAS().check(space)
