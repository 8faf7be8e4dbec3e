from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from lmreg.errors import LmregError
from lmreg.space.depth_decoder import NONE, UPSAMPLINGS, Config, DepthDecoder
from lmreg.testing import check_space

NO_CELL = "|none~p|none~f|+|none~p|none~f|none~0|"
CELL = "|none~p|none~f|+|skip_connect~p|nor_conv_3x3~f|none~0|"


def space(**options: object) -> DepthDecoder:
    return DepthDecoder(Config(**options))  # type: ignore[arg-type]


def key(decoder: DepthDecoder, *blocks: str) -> str:
    return decoder.canonical(decoder.parse("/".join(blocks)))


@pytest.mark.parametrize("nodes", [1, 2, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("upsampling", [["bilinear"], ["nearest", "shuffle"]])
def test_every_variant_is_a_space(nodes: int, shared: bool, upsampling: list[str]) -> None:
    decoder = space(nodes=nodes, shared=shared, upsampling=upsampling)
    check_space(decoder)
    edges = sum(2 + j for j in range(nodes))
    assert len(decoder.options) == (edges + len(upsampling) - 1) * (1 if shared else 4)


def test_size_by_counting_and_uniform_samples() -> None:
    decoder = space(nodes=1, shared=True)
    listed = list(decoder.enumerate())
    assert len(listed) == decoder.size == 5 * 5 - 1
    rng = np.random.default_rng(0)
    counts = Counter(decoder.sample(rng) for _ in range(4800))
    assert set(counts) == set(listed)
    assert max(abs(count - 200) for count in counts.values()) < 5 * 200**0.5
    assert space().size == sum(1 for _ in space(shared=True).enumerate()) ** 4


def test_text_form_goes_in_and_out() -> None:
    decoder = space(upsampling=list(UPSAMPLINGS))
    text = "/".join(f"{CELL}^{name}" for name in UPSAMPLINGS)
    arch = decoder.parse(f" {text}\n")
    assert decoder.format(arch) == text
    assert [arch.choices[decoder.block(number)][-1] for number in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CELL, "expected 4 of"),
        ("/".join([CELL] * 5), "expected 4 of"),
        ("/".join([CELL] * 3 + [CELL.replace("skip", "slip")]), "with op one of none, skip_connect"),
        ("/".join([CELL] * 3 + [CELL + "^nearest"]), "expected 4 of"),
        ("/".join([CELL, NO_CELL, CELL, CELL]), "from an input to the output of block 2"),
        # A node without inputs leads nowhere, whatever comes after it.
        ("/".join([CELL] * 3 + [NO_CELL.replace("none~0", "skip_connect~0")]), "output of block 4"),
    ],
)
def test_wrong_texts_are_refused(text: str, message: str) -> None:
    with pytest.raises(LmregError, match=message):
        space().parse(text)


def test_isomorphic_cells_by_hand() -> None:
    decoder = space()
    plain = key(decoder, *[CELL] * 4)
    # What leads nowhere, or begins nowhere, counts for nothing.
    dead = "|nor_conv_1x1~p|none~f|+|skip_connect~p|nor_conv_3x3~f|none~0|"
    empty = "|none~p|none~f|+|skip_connect~p|nor_conv_3x3~f|avg_pool_3x3~0|"
    # A skip connection stands for its source, here a sum.
    by_way = "|skip_connect~p|nor_conv_3x3~f|+|none~p|none~f|skip_connect~0|"
    for other in (dead, empty, by_way):
        assert key(decoder, CELL, other, other, CELL) == plain
    assert key(decoder, CELL, CELL.replace("3x3~f", "1x1~f"), CELL, CELL) != plain
    # Convolutions of sums aren't sums of convolutions.
    inner = "|skip_connect~p|skip_connect~f|+|none~p|none~f|nor_conv_3x3~0|"
    outer = "|none~p|none~f|+|nor_conv_3x3~p|nor_conv_3x3~f|none~0|"
    assert key(decoder, *[inner] * 4) != key(decoder, *[outer] * 4)


def test_the_first_block_may_exchange_its_inputs() -> None:
    decoder = space()
    swapped = "|none~p|none~f|+|nor_conv_3x3~p|skip_connect~f|none~0|"
    assert key(decoder, swapped, CELL, CELL, CELL) == key(decoder, *[CELL] * 4)
    assert key(decoder, CELL, swapped, CELL, CELL) != key(decoder, *[CELL] * 4)


def test_blocks_below_one_that_starts_anew_do_not_count() -> None:
    decoder = space(upsampling=["bilinear", "nearest"])
    anew = "|none~p|none~f|+|none~p|nor_conv_3x3~f|none~0|^bilinear"
    one, other = f"{CELL}^bilinear", CELL.replace("skip_connect", "nor_conv_1x1") + "^nearest"
    assert key(decoder, one, one, anew, one) == key(decoder, other, anew, anew, one)
    assert key(decoder, one, one, anew, one) != key(decoder, one, one, anew, other)
    assert key(decoder, one, one, one, one) != key(decoder, other, one, one, one)


def test_mixtures_become_what_weighs_most_among_architectures() -> None:
    decoder = space(shared=True)
    rng = np.random.default_rng(1)
    for _ in range(20):
        weights = [rng.dirichlet(np.ones(5)) for _ in decoder.options]
        for row in weights:
            row[NONE] += rng.choice([0, 3])  # often no way would be left
        found = decoder.strongest(weights)

        def product(choices: tuple[int, ...], weights: list[np.ndarray] = weights) -> float:
            return float(np.prod([row[c] for row, c in zip(weights, choices, strict=True)]))

        best = max(product(arch.choices) for arch in decoder.enumerate())
        assert product(found.choices) == pytest.approx(best)


def test_draws_from_weights_are_architectures_even_where_all_weight_is_on_none() -> None:
    decoder = space()
    weights = [np.array([1 - 4e-9, *[1e-9] * 4]) for _ in decoder.options]
    arch = decoder.sample_from(weights, np.random.default_rng(0))
    assert decoder.arch(arch.choices) == arch
    skewed = [np.array([0.0, 0, 0, 1, 0]) for _ in decoder.options]
    assert set(decoder.sample_from(skewed, np.random.default_rng(0)).choices) == {3}


def test_topology_aware_draws_have_few_edges_as_often_as_many() -> None:
    decoder, rng = space(shared=True), np.random.default_rng(2)
    counts = Counter(sum(c != NONE for c in decoder.sample_network(rng).choices) for _ in range(1000))
    assert set(counts) == {1, 2, 3, 4, 5}
    assert min(counts.values()) > 50


def test_graphs_leave_out_edges_without_an_operation() -> None:
    decoder = space(upsampling=["bilinear", "shuffle"])
    arch = decoder.parse("/".join([f"{CELL}^bilinear"] * 3 + [f"{CELL}^shuffle"]))
    graphs = decoder.graphs(arch)
    assert [graph.title for graph in graphs] == [
        *(f"block {number}, bilinear" for number in (1, 2, 3)),
        "block 4, shuffle",
    ]
    assert graphs[0].edges == ((0, 3, "skip_connect"), (1, 3, "nor_conv_3x3"))
    assert len(graphs[0].live()) == 2


@pytest.mark.parametrize("wrong", [[], ["bilinear", "bilinear"], ["bicubic"]])
def test_wrong_upsamplings_are_refused(wrong: list[str]) -> None:
    with pytest.raises(ValueError, match="upsampling="):
        Config(upsampling=wrong)


def test_neighbours_are_all_single_changes_that_leave_a_way() -> None:
    decoder = space(nodes=1, shared=True)
    arch = decoder.parse("|none~p|nor_conv_1x1~f|")
    near = {a.choices for a in decoder.neighbours(arch)}
    single = {
        c
        for c in itertools.product(range(5), repeat=2)
        if (c[0] == NONE) != (c[1] == 2) and sum(a != b for a, b in zip(c, arch.choices, strict=True)) == 1
    }
    assert near == single - {(NONE, NONE)}
