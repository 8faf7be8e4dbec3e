from __future__ import annotations

import itertools
import math
import re
from collections import Counter

import numpy as np
import pytest

from lmreg.algo.fairnas import FairNAS
from lmreg.algo.pcdarts import PCDARTS
from lmreg.errors import LmregError
from lmreg.report.graph_layout import lay_out
from lmreg.space.base import Arch
from lmreg.space.darts import EDGES, NODES, OPERATIONS, DARTSSpace
from lmreg.space.distinct import draw_distinct
from lmreg.space.genotype import CELL_NAMES, reorderings

DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
    "normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), "
    "('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), "
    "('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)
V2_INPUTS_ORDERED = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('skip_connect', 0), ('sep_conv_3x3', 1), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
    "normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('max_pool_3x3', 1), "
    "('skip_connect', 2), ('max_pool_3x3', 0), ('skip_connect', 2), ('max_pool_3x3', 1), "
    "('skip_connect', 2)], reduce_concat=[2, 3, 4, 5])"
)
SKIPS = "[" + ", ".join(["('skip_connect', 0), ('skip_connect', 1)"] * NODES) + "]"
NONE, MAX, AVG, SKIP, SEP3, SEP5, DIL3, DIL5 = range(8)


@pytest.fixture(scope="module")
def space() -> DARTSSpace:
    return DARTSSpace()


def genotype(normal: str = SKIPS, reduce: str = SKIPS) -> str:
    return f"Genotype(normal={normal}, normal_concat=range(2, 6), reduce={reduce}, reduce_concat=range(2, 6))"


def listed(*nodes: tuple[tuple[int, int], ...]) -> str:
    """Return a cell's list of edges from the (operation, source) pairs of each node."""
    return str([(OPERATIONS[choice], source) for node in nodes for choice, source in node])


def test_the_published_genotype_goes_in_and_out(space: DARTSSpace) -> None:
    arch = space.parse(DARTS_V2)
    normal, reduction = space.cells(arch)
    assert normal == (
        ((0, SEP3), (1, SEP3)),
        ((0, SEP3), (1, SEP3)),
        ((0, SKIP), (1, SEP3)),
        ((0, SKIP), (2, DIL3)),
    )
    assert reduction[1:] == (((1, MAX), (2, SKIP)), ((0, MAX), (2, SKIP)), ((1, MAX), (2, SKIP)))
    assert space.format(arch) == V2_INPUTS_ORDERED
    assert space.parse(space.format(arch)) == arch


def test_other_spellings_are_read(space: DARTSSpace, rng: np.random.Generator) -> None:
    arch = space.parse(DARTS_V2)
    for other in (
        f"  {DARTS_V2}\n",
        DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 6)"),
        DARTS_V2.replace("[2, 3, 4, 5]", "(2, 3, 4, 5)"),
        DARTS_V2.replace("'", '"').replace(", ", ",\n"),
        DARTS_V2.replace("(", "[").replace(")", "]").replace("Genotype[", "Genotype(")[:-1] + ")",
        # As logs and code have it.
        f"genotype = {DARTS_V2.replace('[2, 3, 4, 5]', 'range(2, 6)')}",
        f"03/26 05:12:11 PM genotype = {DARTS_V2}",
        f"2026-03-26 17:12:11,123 INFO genotype = {DARTS_V2}",
        f"INFO:root:genotype = {DARTS_V2}",
        f"DARTS_V2 = {DARTS_V2}\n",
        f"DARTS_V2 =\n    genotypes.{DARTS_V2};",
        f"{DARTS_V2[:-1]},\n),",
        re.sub(r"\b(\d)\b", r"np.int64(\1)", DARTS_V2),
        re.sub(r"('\w+')", r"np.str_(\1)", DARTS_V2),
        DARTS_V2.replace("[2, 3, 4, 5]", "array([2, 3, 4, 5])"),
        DARTS_V2.replace("[2, 3, 4, 5]", "np.array([2, 3, 4, 5], dtype=int64)"),
        DARTS_V2.replace("[2, 3, 4, 5]", "list(range(2, 6))"),
        re.sub(r"(normal|reduce)(_concat)?=", "", DARTS_V2),
    ):
        assert space.parse(other) == arch
    for drawn in [space.sample(rng) for _ in range(100)]:
        assert space.parse(space.format(drawn)) == drawn == space.arch(drawn.choices)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected Genotype("),
        ("Genotype(", "expected Genotype("),
        ("\0", "expected Genotype("),
        ("(" * 500 + ")" * 500, "expected Genotype("),
        ("|none~0|", "expected Genotype("),
        ("__import__('os').getcwd()", "expected Genotype("),
        (DARTS_V2.replace("Genotype", "print"), "expected Genotype("),
        (DARTS_V2.replace("reduce_concat", "concat"), "expected Genotype("),
        (DARTS_V2.replace("reduce_concat=[2, 3, 4, 5]", "**{}"), "expected Genotype("),
        (DARTS_V2.replace("normal_concat=[2, 3, 4, 5]", "normal_concat=list()"), "expected Genotype("),
        (
            DARTS_V2.replace("normal_concat=[2, 3, 4, 5]", "normal_concat=range(6)"),
            "normal_concat must be [2, 3, 4, 5]",
        ),
        (genotype().replace("range(2, 6)", "range(2, 10**99)"), "expected Genotype("),
        (genotype().replace("range(2, 6)", "range(2, 7)"), "normal_concat must be [2, 3, 4, 5]"),
        (DARTS_V2.replace("reduce_concat=[2", "reduce_concat=[3, 2"), "reduce_concat must be [2, 3, 4, 5]"),
        (f"{DARTS_V2} {DARTS_V2}", "expected Genotype("),
        (f"print() or {DARTS_V2}", "expected Genotype("),
        (f"a = b = {DARTS_V2}", "expected Genotype("),
        (DARTS_V2.replace("normal_concat=[2, 3, 4, 5]", "normal_concat=eval('[2]')"), "expected Genotype("),
        (DARTS_V2.replace("reduce_concat", "normal"), "expected Genotype("),
        (DARTS_V2.replace("normal=[", "reduce=[]+[", 1), "expected Genotype("),
        (DARTS_V2.replace(")]", ")] * 1", 1), "expected Genotype("),
        (genotype().replace("range(2, 6)", "range(2.0, 6)"), "expected Genotype("),
        (genotype().replace("range(2, 6)", "range(2, 6, 0)"), "expected Genotype("),
        (genotype(normal=SKIPS.replace("0", "np.int64(2)", 1)), "a source from 0 to 1"),
        (genotype(normal="7"), "normal must list 8 edges"),
        (genotype(reduce="[('skip_connect', 0)]"), "reduce must list 8 edges"),
        (genotype(normal=SKIPS.replace("skip", "ski", 1)), "('ski_connect', 0) is no edge into node 2"),
        (genotype(normal=SKIPS.replace("skip_connect", "none", 1)), "('none', 0) is no edge into node 2"),
        (genotype(normal=SKIPS.replace("0", "2", 1)), "a source from 0 to 1"),
        (genotype(normal=SKIPS.replace("0", "-1", 1)), "a source from 0 to 1"),
        (genotype(normal=SKIPS.replace("0", "True", 1)), "('skip_connect', True) is no edge"),
        (genotype(normal=SKIPS.replace("'skip_connect'", "[]", 1)), "([], 0) is no edge"),
        (genotype(normal=SKIPS.replace("('skip_connect', 0)", "3", 1)), "3 is no edge into node 2"),
        (genotype(reduce=SKIPS.replace("0", "1", 1)), "reduce: node 2 has both its inputs from node 1"),
    ],
)
def test_wrong_text_is_refused_in_one_line(space: DARTSSpace, text: str, why: str) -> None:
    with pytest.raises(LmregError, match="is not a genotype of darts") as error:
        space.parse(text)
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_an_architecture_has_two_inputs_at_every_node(space: DARTSSpace) -> None:
    choices = space.parse(DARTS_V2).choices
    assert space.options == (OPERATIONS,) * 28
    for changed, count in (((NONE, *choices[1:]), 1), ((*choices[:4], SEP5, *choices[5:]), 3)):
        with pytest.raises(LmregError, match=f"a node has {count} inputs, not 2"):
            space.arch(changed)
    with pytest.raises(LmregError, match="is not an architecture of darts"):
        space.arch(choices[1:])


def test_edges_know_their_targets(space: DARTSSpace) -> None:
    assert space.targets[:14] == tuple(node for _, node in EDGES)
    assert Counter(space.targets) == {2: 2, 3: 3, 4: 4, 5: 5, 6: 2, 7: 3, 8: 4, 9: 5}


def test_the_space_is_as_large_as_the_paper_says(space: DARTSSpace) -> None:
    """About 10^9 choices for each of the two cells (section 3.4.1)."""
    one = math.prod(n * (n - 1) // 2 * 7**2 for n in (2, 3, 4, 5))
    assert one == 1_037_664_180
    assert space.size == one**2


def test_enumeration_begins_with_every_last_node(space: DARTSSpace) -> None:
    count = 10 * 7**2
    archs = list(itertools.islice(space.enumerate(), count + 1))
    assert len(set(archs)) == count + 1
    assert len({arch.choices[:23] for arch in archs[:-1]}) == 1
    assert archs[-1].choices[:23] != archs[0].choices[:23]
    assert all(space.arch(arch.choices) == arch for arch in archs)


def test_sampling_is_uniform_and_repeatable(space: DARTSSpace) -> None:
    assert space.sample(np.random.default_rng(7)) == space.sample(np.random.default_rng(7))
    rng, draws = np.random.default_rng(1), 3_000
    archs = np.array([space.sample(rng).choices for _ in range(draws)])
    for d, target in enumerate(space.targets):
        # Each of n edges is one of two; the operations share that.
        used = 2 / space.targets.count(target)
        expected = np.array([1 - used] + [used / 7] * 7)
        seen = np.bincount(archs[:, d], minlength=8) / draws
        assert (abs(seen - expected) <= 5 * (expected * (1 - expected) / draws) ** 0.5).all()


def reordered(space: DARTSSpace, arch: Arch, rng: np.random.Generator) -> Arch:
    """Return the same network with its nodes in another order and each node's inputs swapped."""
    parts = []
    for name, cell in zip(CELL_NAMES, space.cells(arch), strict=True):
        left, place, edges = list(range(NODES)), {0: 0, 1: 1}, []
        while left:
            ready = [node for node in left if all(s in place for s, _ in cell[node])]
            node = ready[int(rng.integers(len(ready)))]
            edges += [(OPERATIONS[choice], place[s]) for s, choice in reversed(cell[node])]
            place[node + 2] = len(place)
            left.remove(node)
        parts.append(f"{name}={edges}, {name}_concat=[2, 3, 4, 5]")
    return space.parse(f"Genotype({', '.join(parts)})")


def test_canonical_is_invariant_and_idempotent(space: DARTSSpace, rng: np.random.Generator) -> None:
    changed = 0
    for arch in [space.sample(rng) for _ in range(40)]:
        key, other = space.benchmark_key(arch), reordered(space, arch, rng)
        changed += other != arch
        assert space.benchmark_key(other) == key
        assert space.benchmark_key(space.parse(key)) == key
        assert space.canonical(other) == space.canonical(arch) == space.canonical(space.parse(key))
    assert changed > 10
    swapped = DARTS_V2.replace(
        "('sep_conv_3x3', 1), ('skip_connect', 0)", "('skip_connect', 0), ('sep_conv_3x3', 1)"
    )
    assert swapped != DARTS_V2
    assert space.canonical(space.parse(swapped)) == space.canonical(space.parse(DARTS_V2))


def test_canonical_tells_networks_apart(space: DARTSSpace) -> None:
    """The order of two connected nodes matters, that of two unconnected nodes doesn't."""
    rest = (((SKIP, 0), (SKIP, 1)), ((SKIP, 0), (SKIP, 1)))

    def key(*nodes: tuple[tuple[int, int], ...]) -> str:
        return space.canonical(space.parse(genotype(normal=listed(*nodes, *rest))))

    one, other = ((SEP3, 0), (MAX, 1)), ((SEP5, 0), (MAX, 1))
    assert key(one, other) == key(other, one)
    assert key(one, other) != key(one, one)
    assert key(((SEP3, 0), (MAX, 1)), one) != key(((SEP3, 1), (MAX, 0)), one)  # cells' inputs differ
    assert key(one, ((DIL3, 2), (MAX, 1))) != key(((DIL3, 0), (MAX, 1)), ((SEP3, 2), (MAX, 1)))
    assert key(one, ((DIL3, 2), (MAX, 1))) != key(one, ((DIL5, 2), (MAX, 1)))
    swapped = space.parse(genotype(normal=SKIPS, reduce=listed(one, other, *rest)))
    assert space.canonical(swapped) != key(one, other)  # another cell


def test_sums_by_skip_connections_are_the_same_whichever_way_they_lead(space: DARTSSpace) -> None:
    first, both = ((SKIP, 0), (SEP3, 1)), ((SKIP, 0), (SKIP, 2))

    def keys(*nodes: tuple[tuple[int, int], ...]) -> tuple[str, str, str]:
        normal, reduction = (space.parse(genotype(**{cell: listed(*nodes)})) for cell in ("normal", "reduce"))
        return space.canonical(normal), space.canonical(reduction), space.benchmark_key(normal)

    # Node 3 is node 2 and input 0, node 4 node 2 and input 1; node 5 is all three of them, either way.
    three, four = both, ((SKIP, 1), (SKIP, 2))
    one = keys(first, three, four, ((SKIP, 1), (SKIP, 3)))
    other = keys(first, three, four, ((SKIP, 0), (SKIP, 4)))
    assert one[0] == other[0]
    assert one[2] != other[2]
    # In a reduction cell the inputs' skip connections are convolutions, each with weights of its own.
    assert one[1] != other[1]
    # Of two nodes that are the same either may be read, and twice it is the same to a pool or convolution.
    node = ((SKIP, 0), (SKIP, 1))
    last = [((SEP3, 2), (MAX, 0)), ((SEP3, 3), (MAX, 0)), ((SEP3, 4), (MAX, 0))]
    found = [keys(node, node, ((SKIP, 2), (SKIP, 3)), reading)[0] for reading in last]
    assert found[0] == found[1] == found[2]


def test_classes_have_as_many_members_as_orders_that_differ(space: DARTSSpace) -> None:
    alike, rest = ((0, SEP3), (1, SEP3)), ((0, SKIP), (1, SKIP))
    assert len(reorderings((alike,) * 4)) == 1
    assert len(reorderings((alike, alike, alike, rest))) == 4
    chain = (alike, ((1, MAX), (2, MAX)), ((1, MAX), (3, MAX)), ((1, MAX), (4, MAX)))
    assert reorderings(chain) == {chain}


def test_sampling_networks_is_uniform_over_classes(space: DARTSSpace) -> None:
    """Classes are equally likely whatever their number k of members, so that the mean of k is lower than in
    uniform draws: E_network[k] = 1 / E_uniform[1 / k]."""

    def members(arch: Arch) -> int:
        return math.prod(len(reorderings(cell)) for cell in space.cells(arch))

    rng = np.random.default_rng(0)
    networks = np.array([members(space.sample_network(rng)) for _ in range(150)])
    uniform = np.array([members(space.sample(rng)) for _ in range(800)])
    expected, inverse = 1 / (1 / uniform).mean(), 1 / uniform
    noise = np.hypot(
        networks.std() / len(networks) ** 0.5,
        expected**2 * inverse.std() / len(uniform) ** 0.5,
    )
    assert abs(networks.mean() - expected) < 5 * noise
    assert uniform.mean() > networks.mean() + 5 * noise


def test_neighbours_by_hand(space: DARTSSpace) -> None:
    arch = space.parse(DARTS_V2)
    near = space.neighbours(arch)
    # 16 edges can take 6 other operations; from nodes 2 to 5 lead 0, 1, 2 and 3 unused sources.
    assert len(near) == len(set(near)) == 16 * 6 + 2 * 2 * (1 + 2 + 3)
    assert arch not in near
    distances = Counter(space.distance(arch, other) for other in near)
    assert distances == {1: 96, 2: 24}  # an edge that moves is one less and one more
    assert all(arch in space.neighbours(other) for other in near[::10])


def test_mutation_changes_the_network_and_stays_valid(space: DARTSSpace, rng: np.random.Generator) -> None:
    for parent in [space.sample(rng) for _ in range(30)] + [space.parse(genotype())]:
        mutant = space.mutate(parent, rng)
        assert space.arch(mutant.choices) == mutant
        assert space.canonical(parent) != space.canonical(mutant)


def test_discretisation_keeps_the_two_strongest_edges_without_none(space: DARTSSpace) -> None:
    weights = np.full((28, 8), 0.01)
    weights[:, NONE] = 0.9  # however strong, it is left out
    into_last = [d for d, target in enumerate(space.targets) if target == 9]
    for rank, (d, choice) in enumerate(zip(into_last, (SEP3, MAX, DIL5, SKIP, AVG), strict=True)):
        weights[d, choice] = (0.2, 0.5, 0.3, 0.6, 0.4)[rank]
    arch = space.strongest(list(weights))
    assert space.cells(arch)[1][-1] == ((1, MAX), (3, SKIP))
    assert space.cells(arch)[0] == (((0, MAX), (1, MAX)),) * NODES  # ties: the first
    # A sum says little: one strong operation counts for more than seven middling ones.
    weights[into_last[0], 1:] = 0.45
    assert space.cells(space.strongest(list(weights)))[1][-1] == ((1, MAX), (3, SKIP))


def test_what_an_architecture_is_discretised_to_is_itself(
    space: DARTSSpace, rng: np.random.Generator
) -> None:
    for arch in [space.sample(rng) for _ in range(20)]:
        weights = [0.1 + np.eye(8)[choice] for choice in arch.choices]
        assert space.strongest(weights) == arch
        sharp = [1e-9 + np.eye(8)[choice] for choice in arch.choices]
        assert space.sample_from(sharp, rng) == arch


def test_sampling_from_weights(space: DARTSSpace, rng: np.random.Generator) -> None:
    weights = np.ones((28, 8))
    weights[2] = [50, 0, 0, 3, 0, 0, 0, 0]  # into node 3: sums 3, 7 and 14
    weights[4] = 2
    pairs = {(2, 3): 3 * 7, (2, 4): 3 * 14, (3, 4): 7 * 14}
    draws = [space.sample_from(list(weights), rng).choices for _ in range(800)]
    seen = Counter(tuple(d for d in (2, 3, 4) if choices[d] != NONE) for choices in draws)
    for pair, product in pairs.items():
        share = product / sum(pairs.values())
        assert abs(seen[pair] / 800 - share) < 5 * (share * (1 - share) / 800) ** 0.5
    assert {choices[2] for choices in draws} == {NONE, SKIP}
    assert {choices[4] for choices in draws} == set(range(8))


def test_distinct_draws_share_no_class(space: DARTSSpace, rng: np.random.Generator) -> None:
    archs = draw_distinct(space, lambda: space.sample(rng), 20)
    assert len({space.canonical(arch) for arch in archs}) == 20


def test_two_cells_as_graphs(space: DARTSSpace) -> None:
    normal, reduction = space.graphs(space.parse(DARTS_V2))
    assert (normal.title, reduction.title) == ("normal cell", "reduction cell")
    assert normal.nodes == ("last but one", "last", "1", "2", "3", "4", "output")
    assert (1, 4, "sep_conv_3x3") in normal.edges
    assert (2, 5, "skip_connect") in reduction.edges
    for graph in (normal, reduction):
        assert len(graph.edges) == 8 + 4
        assert graph.live() == set(range(12))
        assert sum(edge.label != "" for edge in lay_out(graph).edges) == 8


def test_encoding_has_one_option_of_each_edge(space: DARTSSpace, rng: np.random.Generator) -> None:
    arch = space.sample(rng)
    assert space.encode(arch).reshape(28, 8).argmax(1).tolist() == list(arch.choices)


def test_what_algorithms_make_of_it(space: DARTSSpace) -> None:
    PCDARTS().check(space)
    with pytest.raises(
        LmregError, match=r"options that go with nearly any options.*darts don't; use algo=spos"
    ):
        FairNAS().check(space)
