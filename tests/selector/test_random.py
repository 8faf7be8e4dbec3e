from __future__ import annotations

import numpy as np
import pytest

from lmreg.errors import LmregError
from lmreg.selector.base import Candidates
from lmreg.selector.random import Config, RandomSelector
from lmreg.space.nasbench201 import NASBench201
from lmreg.train.random_streams import derive

SELECTOR = RandomSelector(Config())


def no_params(arch: object) -> int:
    raise AssertionError("random selection needs no network")


def test_the_draws_are_those_of_studies_made_before_there_were_selectors(space: NASBench201) -> None:
    """Except for the 18th, which is isomorphic to an earlier one, so that one more is drawn at the end."""
    rng = np.random.default_rng(derive(0, "landmarks"))
    chosen = SELECTOR.select(Candidates(space, space.sample, no_params), 30, rng)
    assert [a.id.removeprefix("nasbench201-") for a in (*chosen[:3], *chosen[-2:])] == [
        "0.1.2.3.2.4",
        "2.3.2.0.0.1",
        "2.3.4.2.1.2",
        "3.1.1.2.3.3",  # the last of them
        "2.0.0.1.2.4",
    ]
    assert len({space.canonical(arch) for arch in chosen}) == 30


def test_what_is_taken_and_its_isomorphs_are_left_alone(space: NASBench201, rng: np.random.Generator) -> None:
    taken = SELECTOR.select(Candidates(space, space.sample, no_params), 40, np.random.default_rng(0))
    again = SELECTOR.select(Candidates(space, space.sample, no_params, taken), 40, np.random.default_rng(0))
    assert len({space.canonical(arch) for arch in (*taken, *again)}) == 80


def test_too_few_are_told(space: NASBench201, rng: np.random.Generator) -> None:
    three = [space.arch((3, 3, 3, 3, 3, i)) for i in (2, 3, 4)]
    candidates = Candidates(space, lambda rng: three[rng.integers(3)], no_params)
    with pytest.raises(LmregError, match=r"only 3 were left; lower landmarks\.count \(now 5\)"):
        SELECTOR.select(candidates, 5, rng)
