from __future__ import annotations

import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from lmreg.algo.fairnas import FairNAS
from lmreg.algo.pcdarts import PCDARTS
from lmreg.errors import LmregError
from lmreg.space.base import Arch
from lmreg.space.cell_graph import CellGraph, count_labellings, pruned
from lmreg.space.distinct import draw_distinct
from lmreg.space.nasbench101 import EDGES, OPERATIONS, NASBench101, _wirings

CONV3, CONV1, POOL = OPERATIONS
FIRST = "0100110001000000010010000010000001000000010000000"  # of the benchmark's records
FIRST_TEXT = "|".join((FIRST, "input", CONV3, POOL, CONV3, CONV3, CONV1, "output"))
INCEPTION = "0111010000000100000010000100000000100000010000000"  # the benchmark's example in its README
INCEPTION_TEXT = "|".join((INCEPTION, "input", CONV1, CONV3, CONV3, CONV3, POOL, "output"))
COMPLETE = "0111100111000110000100000"  # all edges between 5 vertices
SMALLEST = "0100|input|output"


@pytest.fixture(scope="module")
def space() -> NASBench101:
    return NASBench101()


def reorderings(space: NASBench101, arch: Arch, rng: np.random.Generator) -> Arch:
    """Return the same cell with its interior vertices in another order."""
    cell = space.cell(arch)
    while True:
        order = [0, *(1 + rng.permutation(cell.vertices - 2)).tolist(), cell.vertices - 1]
        edges = [(order[a], order[b]) for a, b in cell.edges]
        if all(a < b for a, b in edges):
            names = {order[v + 1]: OPERATIONS[op] for v, op in enumerate(cell.operations)}
            digits = CellGraph(cell.operations, frozenset(edges)).matrix().flatten()
            labels = [names[v] for v in range(1, cell.vertices - 1)]
            return space.parse("|".join(("".join(map(str, digits)), "input", *labels, "output")))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (FIRST_TEXT, "00005c142e6f48ac74fdcf73e3439874"),
        (INCEPTION_TEXT, "28cfc7874f6d200472e1a9dcd8650aa0"),
    ],
)
def test_published_cells_have_their_published_hashes(space: NASBench101, text: str, key: str) -> None:
    assert space.benchmark_key(space.parse(text)) == key


def test_the_order_in_which_the_benchmark_lists_a_cell_does_not_matter(space: NASBench101) -> None:
    """The benchmark's notebook shows this matrix as the answer to a query for its README's cell."""
    answer = "0111100000000100000010000001000001000000010000000"
    listed = "|".join((answer, "input", CONV3, CONV1, POOL, CONV3, CONV3, "output"))
    one, other = space.parse(listed), space.parse(INCEPTION_TEXT)
    assert one != other
    assert space.canonical(one) == space.canonical(other)
    assert space.distance(one, other) == 0
    assert (space.encode(one) == space.encode(other)).all()


def test_text_form_goes_in_and_out(space: NASBench101, rng: np.random.Generator) -> None:
    for text in (FIRST_TEXT, INCEPTION_TEXT, SMALLEST, f"011001000|input|{POOL}|output"):
        assert space.format(space.parse(text)) == text
        assert space.parse(f" {text.replace('|', ',')} ") == space.parse(text)
    for arch in [space.sample(rng) for _ in range(300)]:
        assert space.parse(space.format(arch)) == arch == space.arch(arch.choices)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected 'adjacency"),
        ("28cfc7874f6d200472e1a9dcd8650aa0", "expected 'adjacency"),
        ("0100", "expected 'adjacency"),
        ("0200|input|output", "expected 'adjacency"),
        ("01000|input|output", "expected 'adjacency"),
        (f"0100|input|{CONV1}|output", "expected 'adjacency"),
        (f"010001000|{CONV1}|{CONV1}|output", "expected 'adjacency"),
        ("010001000|input|conv5x5|output", "expected 'adjacency"),
        ("0110|input|output", "isn't upper triangular"),
        ("0000|input|output", "not connected"),
        (f"010000000|input|{POOL}|output", "not connected"),
        (f"0111101110011000|input|{POOL}|{POOL}|output", "isn't upper triangular"),
        (f"{COMPLETE}|input|{POOL}|{POOL}|{POOL}|output", "5 vertices and 10 edges are left"),
    ],
)
def test_wrong_text_is_refused_in_one_line(space: NASBench101, text: str, why: str) -> None:
    with pytest.raises(LmregError, match="is not a NAS-Bench-101 cell") as error:
        space.parse(text)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_a_larger_cell_is_read_if_little_enough_is_left_of_it(space: NASBench101) -> None:
    labels = "|".join(("input", *[CONV1] * 6, "output"))
    matrix = np.eye(8, k=1, dtype=int)
    with pytest.raises(LmregError, match="8 vertices and 7 edges"):
        space.parse("".join(map(str, matrix.flatten())) + "|" + labels)
    matrix[0, 7], matrix[3, 4] = 1, 0
    assert space.format(space.parse("".join(map(str, matrix.flatten())) + "|" + labels)) == SMALLEST


def test_choices_are_pruned(space: NASBench101) -> None:
    def choices(edges: set[tuple[int, int]], *operations: int) -> tuple[int, ...]:
        return (*(int(edge in edges) for edge in EDGES), *operations)

    #  2 leads nowhere, 4 and 5 come from nowhere; 1 and 3 are left, and become 1 and 2.
    arch = space.arch(choices({(0, 1), (1, 3), (3, 6), (0, 2), (4, 5), (5, 6)}, 0, 1, 2, 1, 1))
    assert arch == space.arch(choices({(0, 1), (1, 2), (2, 6)}, 0, 2, 0, 0, 0))
    assert space.format(arch) == f"0100001000010000|input|{CONV3}|{POOL}|output"
    assert space.cell(arch) == CellGraph((0, 2), frozenset({(0, 1), (1, 2), (2, 3)}))
    for wrong, why in (
        (choices(set(), 0, 0, 0, 0, 0), "not connected"),
        (choices(set(EDGES), 0, 0, 0, 0, 0), "7 vertices and 21 edges"),
        (choices({(0, 6)}, 0, 0, 0, 0, 3), "is not an architecture of nasbench101"),
        (choices({(0, 6)}, 0, 0, 0, 0), "is not an architecture of nasbench101"),
    ):
        with pytest.raises(LmregError, match=why):
            space.arch(wrong)


def test_enumeration_has_every_small_cell_once(space: NASBench101) -> None:
    """Pruning all matrices of up to 4 vertices gives the same cells."""
    expected = set()
    for inner in range(3):
        pairs = list(itertools.combinations(range(inner + 2), 2))
        for bits in itertools.product((0, 1), repeat=len(pairs)):
            edges = frozenset(pair for pair, bit in zip(pairs, bits, strict=True) if bit)
            for operations in itertools.product(range(3), repeat=inner):
                expected.add(pruned(CellGraph(operations, edges)))
    archs = list(itertools.islice(space.enumerate(), 1 + 6 + 90 + 1))
    assert len(set(archs)) == len(archs)
    assert {space.cell(arch) for arch in archs[:-1]} == expected - {None}
    assert space.cell(archs[-1]).vertices == 5


def test_hashes_tell_isomorphism_classes_apart(space: NASBench101) -> None:
    """Trying all orders of a cell's vertices gives the same number."""
    hashes: dict[int, set[str]] = {}
    classes: Counter[int] = Counter()
    for arch in itertools.islice(space.enumerate(), 1 + 6 + 90 + 3267):
        cell = space.cell(arch)
        hashes.setdefault(cell.vertices, set()).add(space.benchmark_key(arch))
        classes[cell.vertices] += Fraction(1, count_labellings(cell))
    assert {vertices: len(keys) for vertices, keys in hashes.items()} == classes
    assert classes == {2: 1, 3: 6, 4: 84, 5: 2441}


def test_the_space_has_as_many_networks_as_the_benchmark(space: NASBench101) -> None:
    """Counted by Burnside's lemma on every graph without operations, independently of hashes and samplers."""
    orders, cycles = {}, {}
    for inner in range(6):
        orders[inner] = np.array([(0, *p, inner + 1) for p in itertools.permutations(range(1, inner + 1))])
        cycles[inner] = np.array([_cycles(order) - 2 for order in orders[inner].tolist()])
    masks, _, interiors = _wirings()
    total = Fraction()
    for mask, inner in zip(masks.tolist(), interiors.tolist(), strict=True):
        choices = tuple(mask >> place & 1 for place in range(len(EDGES)))
        matrix = space.cell(space.arch((*choices, 0, 0, 0, 0, 0))).matrix().astype(np.int8)
        assert len(matrix) == inner + 2
        moved = matrix[orders[inner][:, :, None], orders[inner][:, None, :]]
        forward = ~np.tril(moved).any((1, 2))
        symmetries = (moved == matrix).all((1, 2))
        total += Fraction(int((3 ** cycles[inner][symmetries]).sum()), int(forward.sum()))
    assert total == 423_624


def _cycles(order: list[int]) -> int:
    seen: set[int] = set()
    count = 0
    for start in order:
        count += start not in seen
        while start not in seen:
            seen.add(start)
            start = order[start]
    return count


def test_sampling_is_uniform_over_cells_and_repeatable(space: NASBench101) -> None:
    draws = [space.sample(np.random.default_rng(7)) for _ in range(2)]
    assert draws[0] == draws[1]
    rng = np.random.default_rng(1)
    sizes = Counter(space.cell(space.sample(rng)).vertices for _ in range(4_000))
    for vertices, cells in ((5, 3_267), (6, 125_145), (7, 1_164_699)):
        expected = 4_000 * cells / space.size
        assert abs(sizes[vertices] - expected) < 5 * expected**0.5


def test_sampling_networks_is_uniform_over_classes(space: NASBench101) -> None:
    """Classes are equally likely whatever their number k of members: the mean of k is that over classes."""
    rng = np.random.default_rng(0)
    networks = np.array([count_labellings(space.cell(space.sample_network(rng))) for _ in range(800)])
    cells = np.array([count_labellings(space.cell(space.sample(rng))) for _ in range(800)])
    for mean, values in ((space.size / 423_624, networks), (423_624 / space.size, 1 / cells)):
        assert abs(values.mean() - mean) < 5 * values.std() / len(values) ** 0.5
    assert cells.mean() > networks.mean() + 1  # the other sampler prefers classes with many members


def test_relabelled_cells_are_the_same_network(space: NASBench101, rng: np.random.Generator) -> None:
    changed = 0
    for arch in [space.sample(rng) for _ in range(60)]:
        other = reorderings(space, arch, rng)
        changed += other != arch
        assert space.canonical(other) == space.canonical(arch)
        assert space.benchmark_key(other) == space.benchmark_key(arch)
        assert space.distance(other, arch) == 0
        assert (space.encode(other) == space.encode(arch)).all()
    assert changed > 10


def test_two_pools_of_one_vertex_are_one(space: NASBench101) -> None:
    """Maximum pools have no weights, so two vertices may share one or have one each."""

    def cell(edges: str, *operations: str) -> Arch:
        count = len(operations) + 2
        pairs = {tuple(map(int, edge)) for edge in edges.split()}
        digits = "".join(str(int((a, b) in pairs)) for a in range(count) for b in range(count))
        return space.parse("|".join((digits, "input", *operations, "output")))

    shared = cell("01 12 23 24 35 45", CONV3, POOL, CONV3, CONV1)
    each = cell("01 12 13 24 35 46 56", CONV3, POOL, POOL, CONV3, CONV1)
    assert space.canonical(shared) == space.canonical(each)
    assert space.benchmark_key(shared) != space.benchmark_key(each)
    # To a normalised convolution twice a pool is the pool, but not beside another vertex.
    one = cell("01 12 23 34", CONV3, POOL, CONV3)
    both = cell("01 12 13 24 34 45", CONV3, POOL, POOL, CONV3)
    assert space.canonical(one) == space.canonical(both)
    beside = cell("01 12 13 14 24 34 45", CONV3, POOL, POOL, CONV3)
    once = cell("01 12 13 23 34", CONV3, POOL, CONV3)
    assert space.canonical(beside) != space.canonical(once)
    # Convolutions have weights each, and so have projections of the cell's input.
    for op in (CONV3, CONV1):
        two = cell("01 12 13 24 35 46 56", CONV3, op, op, CONV3, CONV1)
        assert space.canonical(two) != space.canonical(cell("01 12 23 24 35 45", CONV3, op, CONV3, CONV1))
    pools = cell("01 02 13 24 35 45", POOL, POOL, CONV3, CONV1)
    assert space.canonical(pools) != space.canonical(cell("01 12 13 24 34", POOL, CONV3, CONV1))


def test_neighbours_by_hand(space: NASBench101) -> None:
    parent = space.parse(f"010001000|input|{POOL}|output")
    one = {f"011001000|input|{POOL}|output"}
    one |= {f"010001000|input|{other}|output" for other in (CONV1, CONV3)}
    # Where the new vertex lies: between input and pool, beside the pool, or between pool and output.
    wirings = {"0110001000010000": 0, "0110000100010000": 0, "0100001100010000": 1}
    two = set()
    for digits, source in wirings.items():
        for new in OPERATIONS:
            inner = (new, POOL) if source == 0 else (POOL, new)
            two.add("|".join((digits, "input", *inner, "output")))
    assert {space.format(arch) for arch in space.neighbours(parent)} == one | two


def test_every_small_network_is_reached_by_mutations(space: NASBench101) -> None:
    """Mutations lead from the smallest cell to every small one, and from every small one back."""
    small = {space.canonical(a): a for a in itertools.islice(space.enumerate(), 1 + 6 + 90)}
    near = {
        key: {space.canonical(other) for other in space.neighbours(arch)} & set(small)
        for key, arch in small.items()
    }
    smallest = space.canonical(space.parse(SMALLEST))
    back = {key: {other for other in near if key in near[other]} for key in near}
    for steps in (near, back):
        reached, edge = {smallest}, {smallest}
        while edge := set().union(*(steps[key] for key in edge)) - reached:
            reached |= edge
        assert reached == set(small)
    assert len(small) == 91


def test_a_full_cell_has_valid_neighbours_only(space: NASBench101) -> None:
    full = space.parse(INCEPTION_TEXT)
    assert len(space.cell(full).edges) == 9
    near = space.neighbours(full)
    assert full not in near
    assert all(space.arch(arch.choices) == arch and len(space.cell(arch).edges) <= 9 for arch in near)
    assert len(near) == len(set(near)) > 10


def test_distance_by_hand(space: NASBench101, rng: np.random.Generator) -> None:
    one = space.parse(f"010001000|input|{POOL}|output")
    assert space.distance(one, space.parse(f"011001000|input|{POOL}|output")) == 1
    assert space.distance(one, space.parse(f"010001000|input|{CONV1}|output")) == 1
    assert space.distance(one, space.parse(SMALLEST)) == 4  # three edges, and a vertex that isn't there
    # Between input and output a vertex more: one edge goes, two come, and the vertex.
    assert space.distance(one, space.parse(f"0100001000010000|input|{CONV1}|{POOL}|output")) == 4
    a, b = space.sample(rng), space.sample(rng)
    assert space.distance(a, b) == space.distance(b, a) <= len(space.options)


def test_path_encoding_by_hand(space: NASBench101) -> None:
    code = space.encode(space.parse(FIRST_TEXT))
    assert (code.shape, code.dtype) == ((364,), np.float32)
    # 3×3, pool | 3×3, pool, 3×3, 1×1 | 3×3, 1×1 | 1×1: as numbers to base 3, after all shorter ones.
    assert set(np.flatnonzero(code)) == {4 + 2, 40 + 19, 4 + 1, 1 + 1}
    assert np.flatnonzero(space.encode(space.parse(SMALLEST))).tolist() == [0]


def test_distinct_draws_share_no_class(space: NASBench101, rng: np.random.Generator) -> None:
    taken = draw_distinct(space, lambda: space.sample(rng), 60)
    more = draw_distinct(space, lambda: space.sample(rng), 60, taken)
    assert len({space.canonical(arch) for arch in taken + more}) == 120


def test_a_cell_as_a_graph(space: NASBench101) -> None:
    (graph,) = space.graphs(space.parse(f"0110000100010000|input|{CONV1}|{POOL}|output"))
    assert graph.nodes == ("input", CONV1, POOL, "output")
    assert graph.edges == ((0, 1, ""), (0, 2, ""), (1, 3, ""), (2, 3, ""))
    assert graph.live() == {0, 1, 2, 3}


def test_algorithms_that_need_other_decisions_refuse(space: NASBench101) -> None:
    with pytest.raises(LmregError, match="as many options at every decision; nasbench101 has 2 and 3"):
        FairNAS().check(space)
    with pytest.raises(LmregError, match="algo=pcdarts needs decisions on edges"):
        PCDARTS().check(space)
