from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmreg.errors import LmregError
from lmreg.space.distinct import draw_distinct
from lmreg.space.nasbench201 import EDGES, OPERATIONS, NASBench201

TEXT = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"


def test_text_form_goes_in_and_out(space: NASBench201) -> None:
    arch = space.parse(TEXT)
    assert arch.choices == (3, 0, 4, 1, 2, 0)
    assert space.format(arch) == TEXT
    assert arch.id == "nasbench201-3.0.4.1.2.0"


def test_files_and_options_may_have_the_id_as_well(space: NASBench201) -> None:
    arch = space.parse(TEXT)
    assert space.read(TEXT, "here") == space.read(arch.id, "here") == arch
    for wrong in (
        arch.id[:-2],
        f"{arch.id}.0",
        "nasbench201-3.0.4.1.2.5",
        "nasbench201-",
        "macro-3.0.4.1.2.0",
    ):
        with pytest.raises(LmregError, match=r"^here: '.*' is not a NAS-Bench-201 cell; expected"):
            space.read(wrong, "here")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        TEXT[:-1] + "x|",
        TEXT.replace("nor_conv_3x3", "conv_7x7"),
        TEXT.replace("~1", "~0"),  # an edge that starts at the wrong node
        TEXT + "+|none~0|none~1|none~2|none~3|",
        TEXT.rsplit("+", 1)[0],
    ],
)
def test_wrong_text_is_refused(space: NASBench201, text: str) -> None:
    with pytest.raises(LmregError, match="is not a NAS-Bench-201 cell"):
        space.parse(text)


@pytest.mark.parametrize("choices", [(0,) * 5, (0,) * 7, (0, 0, 0, 0, 0, 5), (-1, 0, 0, 0, 0, 0)])
def test_wrong_choices_are_refused(space: NASBench201, choices: tuple[int, ...]) -> None:
    with pytest.raises(LmregError):
        space.arch(choices)


def test_enumeration_has_every_cell_once(space: NASBench201) -> None:
    archs = list(space.enumerate())
    assert len(archs) == len(set(archs)) == space.size == 15_625
    assert all(isinstance(choice, int) for choice in archs[-1].choices)
    assert all(space.parse(space.format(arch)) == arch for arch in archs[::97])


def test_classes(space: NASBench201) -> None:
    archs = list(space.enumerate())
    assert len({space.canonical(arch) for arch in archs}) == 4_954
    assert len({space.benchmark_key(arch) for arch in archs}) == 6_466  # as published


def test_published_classes_are_the_benchmarks(space: NASBench201, real_data: Path) -> None:
    table = pd.read_csv(real_data / "nasbench201_half.csv")
    mine = table["arch"].map(lambda text: space.benchmark_key(space.parse(text)))
    both = pd.DataFrame({"mine": mine, "theirs": table["isomorph_index"]}).drop_duplicates()
    assert both["mine"].is_unique
    assert both["theirs"].is_unique


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        # A zero in a sum is nothing.
        ((3, 0, 3, 0, 0, 1), (3, 0, 3, 0, 2, 1), False),
        ((0, 1, 2, 3, 0, 0), (0, 0, 0, 3, 0, 0), True),
        ((0, 0, 4, 3, 2, 1), (0, 0, 0, 3, 0, 0), True),
        # Nor is an edge that doesn't lead to the output.
        ((3, 2, 2, 3, 0, 0), (0, 0, 0, 3, 0, 0), True),
        # Sums reached by a skip connection are the same sum, and so are those of pools.
        ((3, 1, 1, 0, 0, 1), (3, 0, 0, 1, 1, 0), True),
        ((3, 1, 1, 0, 0, 4), (3, 0, 0, 4, 4, 0), True),
        # A sum of two inputs isn't two convolutions.
        ((1, 1, 1, 0, 0, 3), (1, 0, 0, 3, 3, 0), False),
        # What is read twice isn't two convolutions of the same: the published key takes them for one.
        ((3, 0, 1, 0, 1, 1), (3, 3, 0, 0, 1, 1), False),
        # Twice a value is the value to a normalised convolution, but not beside another term.
        ((1, 1, 1, 0, 0, 3), (1, 0, 0, 3, 0, 0), True),
        ((1, 1, 1, 0, 0, 1), (1, 0, 0, 1, 0, 0), False),
    ],
)
def test_one_function_by_hand(
    space: NASBench201, one: tuple[int, ...], other: tuple[int, ...], same: bool
) -> None:
    assert (space.canonical(space.arch(one)) == space.canonical(space.arch(other))) is same


def test_isomorphic_by_hand(space: NASBench201) -> None:
    straight = space.parse("|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|")
    by_a_skip = space.parse("|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|")
    other_op = space.parse("|none~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|skip_connect~2|")
    assert space.canonical(straight) == space.canonical(by_a_skip)
    assert space.canonical(straight) != space.canonical(other_op)


def test_sampling_is_uniform_and_repeatable(space: NASBench201) -> None:
    draws = [space.sample(np.random.default_rng(7)) for _ in range(2)]
    assert draws[0] == draws[1]
    rng = np.random.default_rng(1)
    counts = Counter(choice for _ in range(5_000) for choice in space.sample(rng).choices)
    expected = 5_000 * len(EDGES) / len(OPERATIONS)
    assert all(abs(counts[op] - expected) < 5 * expected**0.5 for op in range(len(OPERATIONS)))


def test_mutation_is_always_a_real_change_of_one_edge(space: NASBench201, rng: np.random.Generator) -> None:
    parents = [space.sample(rng) for _ in range(300)] + [space.arch((op,) * 6) for op in range(5)]
    for parent in parents:
        mutant = space.mutate(parent, rng)
        assert space.distance(parent, mutant) == 1
        assert space.canonical(parent) != space.canonical(mutant)


def test_mutation_reaches_every_other_network(space: NASBench201, rng: np.random.Generator) -> None:
    parent = space.parse(TEXT)
    near = [arch for arch in space.enumerate() if space.distance(arch, parent) == 1]
    assert len(near) == len(EDGES) * (len(OPERATIONS) - 1)
    other = {arch for arch in near if space.canonical(arch) != space.canonical(parent)}
    assert {space.mutate(parent, rng) for _ in range(1_000)} == other


def test_encoding_and_distance(space: NASBench201, rng: np.random.Generator) -> None:
    a, b = space.sample(rng), space.sample(rng)
    code = space.encode(a)
    assert code.shape == (30,)
    assert code.reshape(6, 5).argmax(1).tolist() == list(a.choices)
    assert code.sum() == 6
    assert np.abs(space.encode(a) - space.encode(b)).sum() == 2 * space.distance(a, b)
    assert space.distance(a, a) == 0


def test_distinct_draws_share_no_class(space: NASBench201, rng: np.random.Generator) -> None:
    taken = draw_distinct(space, lambda: space.sample(rng), 200)
    more = draw_distinct(space, lambda: space.sample(rng), 200, taken)
    assert len({space.canonical(arch) for arch in taken + more}) == 400


def test_a_space_that_runs_out_says_so(space: NASBench201, rng: np.random.Generator) -> None:
    three = [space.parse(TEXT), space.mutate(space.parse(TEXT), rng)]
    with pytest.raises(LmregError, match="only 2 were left"):
        draw_distinct(space, lambda: three[rng.integers(2)], 3)


def test_a_cell_as_a_graph_has_the_edges_that_carry_something(space: NASBench201) -> None:
    text = "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|avg_pool_3x3~1|none~2|"
    (graph,) = space.graphs(space.parse(text))
    assert graph.nodes == ("input", "1", "2", "output")
    assert graph.edges == ((0, 1, "nor_conv_3x3"), (0, 3, "skip_connect"), (1, 3, "avg_pool_3x3"))
    assert graph.live() == {0, 1, 2}


def test_edges_from_or_to_nowhere_are_not_live(space: NASBench201) -> None:
    text = "|none~0|+|skip_connect~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|none~2|"
    (graph,) = space.graphs(space.parse(text))
    live = {graph.edges[i][:2] for i in graph.live()}
    assert live == {(0, 3)}  # node 1 gets nothing, node 2 passes nothing on
