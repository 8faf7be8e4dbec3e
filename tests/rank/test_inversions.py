from __future__ import annotations

import numpy as np
import pytest

from lmreg.rank import inversions
from lmreg.rank.inversions import discordant


def by_hand(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compare all pairs in one matrix."""
    inverted = (first[:, None] < first) & (second[:, None] > second)
    return np.einsum("bi,ij,bj->b", weights, inverted.astype(float), weights)


@pytest.mark.parametrize("block", [1, 3, 128])
@pytest.mark.parametrize("n", [1, 2, 7, 64, 301])
@pytest.mark.parametrize("kinds", [2, 20, 10_000], ids=["two values", "ties", "hardly any ties"])
def test_equal_to_all_pairs(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, block: int, n: int, kinds: int
) -> None:
    monkeypatch.setattr(inversions, "_BLOCK", block)
    monkeypatch.setattr(inversions, "_AT_ONCE", 4 * n)  # several parts
    first, second = (rng.integers(0, kinds, n).astype(float) for _ in range(2))
    weights = rng.integers(0, 4, (11, n)).astype(float)
    assert discordant(first, second, weights).tolist() == by_hand(first, second, weights).tolist()


def test_orders_that_agree_or_oppose(rng: np.random.Generator) -> None:
    values, once = rng.permutation(5000).astype(float), np.ones((1, 5000))
    assert discordant(values, values, once) == 0
    assert discordant(values, -values, once) == 5000 * 4999 / 2
    assert discordant(values, np.zeros(5000), once) == 0


def test_very_many_items_are_compared_with_fewer_neighbours(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setattr(inversions, "_PAIRS", 2000)
    first, second, weights = rng.normal(size=500), rng.normal(size=500), rng.integers(0, 3, (3, 500))
    assert discordant(first, second, weights).tolist() == by_hand(first, second, weights).tolist()
