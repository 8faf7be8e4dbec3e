from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from lmreg.algo.fairnas import FairNAS
from lmreg.config.build import typed
from lmreg.errors import LmregError
from lmreg.space.chain import idle_last
from lmreg.space.mbconv import BLOCKS, Config, MBConv

TEXT = "mb3_k3+skip|mb6_k5+skip+mb3_k7|mb6_k3+mb6_k3+mb6_k3"


@pytest.fixture(scope="module")
def mbconv() -> MBConv:
    return MBConv()


def test_text_form_goes_in_and_out(mbconv: MBConv) -> None:
    arch = mbconv.parse(f" {TEXT}\n")
    assert arch.choices == (0, 6, 4, 6, 2, 3, 3, 3)
    assert mbconv.format(arch) == TEXT
    assert arch.id == "mbconv-0.6.4.6.2.3.3.3"
    assert mbconv.encode(arch).shape == (3 * 6 + 5 * 7,)
    assert mbconv.size == 6**3 * 7**5


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT.replace("mb3_k3+skip", "skip+mb3_k3"),  # the first of a stage can't be skipped
        TEXT.replace("mb3_k7", "mb3_k9"),
        TEXT.replace("|", "+"),
        TEXT + "|mb3_k3",
        TEXT.removesuffix("+mb6_k3"),
        TEXT + "+mb6_k3",
    ],
)
def test_wrong_text_is_refused(mbconv: MBConv, text: str) -> None:
    with pytest.raises(LmregError, match=r"not an architecture of mbconv; expected 3 stages .* of 2, 3, 3 "):
        mbconv.parse(text)


def test_skips_have_any_place_in_their_stage() -> None:
    assert idle_last((0, 6, 4, 6, 2, 3), (2, 4), 6) == (0, 6, 4, 2, 3, 6)
    # The choice that is idle in later layers may be another thing in the first.
    assert idle_last((0, 0, 1, 2, 0, 1), (3, 3), 0) == (0, 1, 0, 2, 1, 0)


def test_isomorphic_by_hand(mbconv: MBConv) -> None:
    def key(text: str) -> str:
        return mbconv.canonical(mbconv.parse(text))

    assert key(TEXT) == key("mb3_k3+skip|mb6_k5+mb3_k7+skip|mb6_k3+mb6_k3+mb6_k3")
    assert key(TEXT) != key("mb3_k3+skip|mb3_k7+skip+mb6_k5|mb6_k3+mb6_k3+mb6_k3")
    assert key(TEXT) != key("mb3_k3+mb3_k7|mb6_k5+skip+skip|mb6_k3+mb6_k3+mb6_k3")


def test_sampling_networks_is_uniform_over_classes_and_their_members() -> None:
    space = MBConv(Config(depths=[3]))
    classes: dict[str, list[str]] = {}
    for arch in space.enumerate():
        classes.setdefault(space.canonical(arch), []).append(space.format(arch))
    assert len(classes) == 6 * (1 + 6 + 36)
    rng, draws = np.random.default_rng(0), 6_000
    counts = Counter(space.format(space.sample_network(rng)) for _ in range(draws))
    # Of all classes a share 36 / 43 has two later layers; a single one is in either place.
    shares = np.array([sum(counts[t] for t in texts) for texts in classes.values()]) / draws * len(classes)
    chi2 = float(((shares - 1) ** 2).sum() * draws / len(classes))
    freedom = len(classes) - 1
    assert abs(chi2 - freedom) < 5 * (2 * freedom) ** 0.5
    pairs = [texts for texts in classes.values() if len(texts) == 2]
    first, second = (sum(counts[texts[i]] for texts in pairs) for i in (0, 1))
    assert len(pairs) == 6 * 6
    assert abs(first - second) < 5 * (first + second) ** 0.5


def test_depths_are_checked() -> None:
    for wrong in ([], [2, 0], [-1]):
        with pytest.raises(LmregError, match=r"space: depths=.* at least 1 for each stage"):
            typed({"depths": wrong}, Config, "space")
    space = MBConv(Config(depths=[4, 4, 4, 4, 4, 1]))
    assert space.size == 6**6 * 7**15
    arch = space.sample_network(np.random.default_rng(0))
    assert space.parse(space.format(arch)) == arch


def test_it_is_drawn_as_a_chain(mbconv: MBConv) -> None:
    (graph,) = mbconv.graphs(mbconv.parse(TEXT))
    assert graph.nodes == ("stem", *"1234567", "head")
    assert [label for *_, label in graph.edges] == TEXT.replace("|", "+").split("+")


def test_blocks_are_named_after_expansion_and_kernel() -> None:
    assert set(BLOCKS.values()) == set(itertools.product((3, 6), (3, 5, 7)))
    assert BLOCKS["mb6_k5"] == (6, 5)


def test_fairnas_which_needs_as_many_options_everywhere_refuses(mbconv: MBConv) -> None:
    with pytest.raises(LmregError, match="as many options at every decision; mbconv has 6 and 7"):
        FairNAS().check(mbconv)
