from __future__ import annotations

from typing import Any

import pytest

from lmreg.config.build import typed
from lmreg.errors import LmregError
from lmreg.space.nasbench201 import NASBench201
from lmreg.strategy.evolution import Config, Evolution
from lmreg.strategy.random import Config as RandomConfig
from lmreg.strategy.random import RandomSearch


def evolved(problem: Any, seed: int = 0, **options: Any) -> Any:
    config = Config(**{"budget": 60, "population": 10, "tournament": 4} | options)
    made = problem(config, seed=seed)
    Evolution(config).search(made)
    return made


def test_it_follows_the_papers_algorithm(problem: Any, space: NASBench201) -> None:
    """Compare with algorithm 1 on plain lists: which architectures are scored, in which order."""
    made, twin = evolved(problem, seed=2), problem(seed=2)
    population = [(twin.values([arch])[0], arch) for arch in twin.propose(10)]
    known = {space.canonical(arch) for _, arch in population}
    expected = [arch for _, arch in population]
    while len(expected) < 60:
        contestants = [population[i] for i in twin.rng.integers(10, size=4)]
        best = max(value for value, _ in contestants)
        parent = next(arch for value, arch in contestants if value == best)
        child = space.mutate(parent, twin.rng)
        assert space.distance(parent, child) == 1
        population = [*population[1:], (twin.values([child])[0], child)]  # the oldest dies
        if space.canonical(child) not in known:
            known.add(space.canonical(child))
            expected.append(child)
    assert [arch for call in made.calls for arch in call] == expected


def test_the_first_population_is_scored_together_and_children_one_by_one(
    problem: Any, space: NASBench201
) -> None:
    made = evolved(problem)
    assert [len(call) for call in made.calls] == [10, *[1] * 50]
    keys = {space.canonical(arch) for call in made.calls for arch in call}
    assert len(keys) == made.scored == len(made.candidates()) == 60


def test_it_finds_better_ones_than_random_search_at_the_same_budget(problem: Any) -> None:
    wins = 0
    for seed in range(10):
        chance = problem(seed=seed)
        RandomSearch(RandomConfig(budget=100)).search(chance)
        best = [made.candidates()["quality"].max() for made in (evolved(problem, seed, budget=100), chance)]
        wins += best[0] > best[1]
    assert wins >= 9


def test_a_loss_is_minimised(problem: Any) -> None:
    config = Config(budget=60, population=10, tournament=4)
    up, down = problem(config, seed=1), problem(config, higher_is_better=False, seed=1)
    for made in (up, down):
        Evolution(config).search(made)
    assert up.calls == down.calls  # the loss is the negative quality
    assert up.candidates()["arch"].tolist() == down.candidates()["arch"].tolist()


def test_every_candidate_keeps_the_limits(problem: Any) -> None:
    made = evolved(problem, max_params=310, min_params=110)
    assert made.candidates()["params"].between(110, 310).all()
    assert made.scored == 60


def test_it_ends_when_nothing_new_is_left(problem: Any) -> None:
    few = evolved(problem, min_params=610, budget=1000)  # six convolutions: 64 architectures
    assert 1 < few.scored <= 64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 10}, "strategy: population=20 is above budget=10"),
        ({"tournament": 21}, "strategy: tournament=21 is above population=20"),
        ({"max_params": 1, "min_params": 2}, "strategy: max_params=1 is below min_params=2"),
        ({"budget": 0}, "above budget=0"),
        ({"tournament": 0}, r"strategy\.tournament=0: must be at least 1"),
    ],
)
def test_contradictory_options_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(LmregError, match=message):
        typed(options, Config, "strategy")
