"""Checks of every selector on every space."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from lmreg.config import catalogue
from lmreg.config.build import choice_of
from lmreg.selector.base import Candidates, Selector
from lmreg.space.base import Arch, Space


def size(arch: Arch) -> int:
    return sum(arch.choices)


@pytest.fixture(scope="module", params=catalogue.choices("space"))
def every_space(request: pytest.FixtureRequest) -> Space:
    cls, config = choice_of("space", request.param, Space)
    return cls(config)  # type: ignore[call-arg]


@pytest.mark.parametrize("choice", catalogue.choices("selector"))
def test_landmarks_are_different_networks_and_the_same_each_time(every_space: Space, choice: str) -> None:
    cls, config = choice_of("selector", choice, Selector)
    selector = cls(config)  # type: ignore[call-arg]
    rng = np.random.default_rng(1)
    taken = [every_space.sample(rng) for _ in range(3)]
    candidates = Candidates(every_space, every_space.sample, size, taken)
    one, other = (selector.select(candidates, 9, np.random.default_rng(0)) for _ in range(2))
    assert one == other
    keys = [every_space.canonical(arch) for arch in (*taken, *one)]
    assert len(set(keys[3:])) == 9
    assert not set(keys[:3]) & set(keys[3:])
    least = getattr(config, "min_distance", None) or 0
    assert min(every_space.distance(a, b) for a, b in combinations(one, 2)) >= least
