from __future__ import annotations

import numpy as np
import pytest

from lmreg.data.splits import stratified_order, stratified_split
from lmreg.errors import LmregError

FRACTIONS = {"train": 0.5, "rank": 0.25, "score": 0.25}


def test_splits_are_disjoint_complete_and_stratified(rng: np.random.Generator) -> None:
    labels = rng.permutation(np.repeat([0, 1, 2], [600, 300, 100]))
    parts = stratified_split(labels, FRACTIONS)
    assert [len(parts[name]) for name in FRACTIONS] == [500, 250, 250]
    assert sorted(np.concatenate(list(parts.values()))) == list(range(1000))
    for name, fraction in FRACTIONS.items():
        counts = np.bincount(labels[parts[name]])
        assert np.abs(counts - np.array([600, 300, 100]) * fraction).max() <= 5


def test_splits_are_the_same_every_time(rng: np.random.Generator) -> None:
    labels = rng.integers(10, size=1000)
    first, second = stratified_split(labels, FRACTIONS), stratified_split(labels.copy(), FRACTIONS)
    assert all(np.array_equal(first[name], second[name]) for name in FRACTIONS)


def test_every_stretch_has_the_classes_proportions() -> None:
    labels = np.repeat(np.arange(10), 100)  # sorted by class, the worst order
    order = stratified_order(labels)
    for piece in np.array_split(labels[order], 10):
        assert np.abs(np.bincount(piece, minlength=10) - 10).max() <= 2


def test_a_part_can_be_left_out() -> None:
    parts = stratified_split(np.zeros(100, int), {"train": 0.3, "rank": 0.3})
    assert {name: len(part) for name, part in parts.items()} == {"train": 30, "rank": 30}


@pytest.mark.parametrize("fractions", [{"train": 0.8, "rank": 0.4}, {"train": 1.0, "rank": 0.0}])
def test_impossible_fractions_are_refused(fractions: dict[str, float]) -> None:
    with pytest.raises(LmregError):
        stratified_split(np.zeros(100, int), fractions)
