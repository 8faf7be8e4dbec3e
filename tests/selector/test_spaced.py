from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from lmreg.errors import LmregError
from lmreg.selector.base import Candidates
from lmreg.selector.spaced import Config, SpacedSelector
from lmreg.space.base import Arch
from lmreg.space.nasbench201 import NASBench201


def select(
    space: NASBench201, count: int, distance: int | None, taken: list[Arch] | None = None
) -> list[Arch]:
    candidates = Candidates(space, space.sample, lambda arch: 0, taken or [])
    selector = SpacedSelector(Config(min_distance=distance))
    return selector.select(candidates, count, np.random.default_rng(0))


@pytest.mark.parametrize(("count", "distance"), [(30, 1), (100, 3), (30, 4), (8, 5), (5, 6)])
def test_any_two_keep_their_distance(space: NASBench201, count: int, distance: int) -> None:
    chosen = select(space, count, distance)
    assert len(chosen) == count
    assert min(space.distance(a, b) for a, b in combinations(chosen, 2)) >= distance
    assert len({space.canonical(arch) for arch in chosen}) == count


def test_also_from_those_taken(space: NASBench201) -> None:
    taken = select(space, 10, 4)
    more = select(space, 10, 4, taken)
    assert min(space.distance(a, b) for a, b in combinations((*taken, *more), 2)) >= 4


def test_more_keeps_the_first(space: NASBench201) -> None:
    assert select(space, 30, 4)[:12] == select(space, 12, 4)


def test_a_distance_that_cannot_be_met_is_told(space: NASBench201) -> None:
    with pytest.raises(
        LmregError,
        match=r"found only 5 of 30 architectures with a distance of 6 or more; lower "
        r"selector\.min_distance \(now 6\) or landmarks\.count \(now 30\)",
    ):
        select(space, 30, 6)
    with pytest.raises(LmregError, match=r"selector\.min_distance=7: must be at most 6"):
        select(space, 30, 7)


def test_without_a_distance_it_is_half_of_the_decisions_or_what_there_is(space: NASBench201) -> None:
    assert select(space, 50, None) == select(space, 50, 3)
    many = select(space, 400, None)
    assert many == select(space, 400, 2)
    with pytest.raises(LmregError, match="found only"):
        select(space, 400, 3)


def test_too_many_landmarks_are_told() -> None:
    tiny = NASBench201()
    few = [tiny.arch((3, 3, 3, 3, 3, c)) for c in range(5)]
    candidates = Candidates(tiny, lambda rng: few[rng.integers(5)], lambda arch: 0)
    with pytest.raises(
        LmregError, match=r"of 6 architectures .* 1 or more; lower landmarks\.count \(now 6\)"
    ):
        SpacedSelector().select(candidates, 6, np.random.default_rng(0))
    assert set(SpacedSelector().select(candidates, 5, np.random.default_rng(0))) == set(few)
