from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from lmreg.reg.pair_samplers import PAIR_SAMPLERS

ALL_OF_FOUR = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])
TIE_OF_1_AND_2 = np.array([(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)])
DRAWS = 6_000


def shares(name: str, pairs: np.ndarray) -> dict[tuple[tuple[int, int], ...], float]:
    """Return how often each group of pairs occurs in draws with m = 1."""
    rng = np.random.default_rng(0)
    drawn: Counter[tuple[tuple[int, int], ...]] = Counter()
    for _ in range(DRAWS):
        (group,) = PAIR_SAMPLERS[name](pairs, 1, rng)
        drawn[tuple(map(tuple, group.tolist()))] += 1
    return {group: count / DRAWS for group, count in drawn.items()}


# The probability of every group of pairs, by hand.
EXPECTED = {
    "uniform": {(p,): 1 / 6 for p in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]},
    # The better landmark is 0, 1 or 2; then one of its 3, 2 or 1 worse ones.
    "top_biased": {
        **{((0, b),): 1 / 9 for b in (1, 2, 3)},
        **{((1, b),): 1 / 6 for b in (2, 3)},
        ((2, 3),): 1 / 3,
    },
    "adjacent": {(p,): 1 / 3 for p in [(0, 1), (1, 2), (2, 3)]},
    "triples": {
        tuple((a, b) for i, a in enumerate(t) for b in t[i + 1 :]): 1 / 4
        for t in [(0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)]
    },
    "all": {tuple(map(tuple, ALL_OF_FOUR.tolist())): 1.0},
}


@pytest.mark.parametrize("name", PAIR_SAMPLERS)
def test_how_likely_each_pair_is(name: str) -> None:
    drawn = shares(name, ALL_OF_FOUR)
    assert drawn.keys() == EXPECTED[name].keys()
    for group, share in EXPECTED[name].items():
        assert drawn[group] == pytest.approx(share, abs=5 * (share * (1 - share) / DRAWS) ** 0.5 + 1e-12)


@pytest.mark.parametrize("name", PAIR_SAMPLERS)
def test_only_pairs_of_known_order_are_drawn(name: str) -> None:
    known = set(map(tuple, TIE_OF_1_AND_2.tolist()))
    drawn = {pair for group in shares(name, TIE_OF_1_AND_2) for pair in group}
    assert drawn <= known
    if name == "adjacent":
        assert drawn == {(0, 1), (1, 3), (2, 3)}  # 2 is level with 1, so the next worse one of 1 is 3
    else:
        assert drawn == known


@pytest.mark.parametrize("name", ["uniform", "adjacent", "triples"])
def test_no_pair_comes_twice_in_a_step_and_never_more_than_there_are(name: str) -> None:
    groups = PAIR_SAMPLERS[name](np.array([(0, 1), (2, 3)]), 5, np.random.default_rng(0))
    assert sorted(tuple(g[0]) for g in groups) == [(0, 1), (2, 3)]
    assert all(len(g) == 1 for g in groups)  # no third landmark has a known order to either


def test_m_of_the_biased_one_counts_draws() -> None:
    assert len(PAIR_SAMPLERS["top_biased"](ALL_OF_FOUR, 5, np.random.default_rng(0))) == 5
