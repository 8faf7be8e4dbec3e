from __future__ import annotations

from typing import Any

from lmreg.strategy.limits import Limits
from lmreg.strategy.random import Config, RandomSearch


def test_the_proposals_are_scored_together(problem: Any) -> None:
    made, same = problem(seed=3), problem(seed=3)
    strategy = RandomSearch(Config(budget=12))
    strategy.search(made)
    assert made.calls == [same.propose(12)]
    assert made.scored == strategy.budget() == 12


def test_limits_are_kept(problem: Any) -> None:
    config = Config(budget=15, max_params=210, min_params=110)
    made = problem(config)
    RandomSearch(config).search(made)
    assert made.candidates()["params"].between(110, 210).all()
    assert made.scored == 15
    assert isinstance(config, Limits)
