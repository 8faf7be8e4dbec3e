"""Regularised evolution: tournaments choose parents, and the oldest member dies, not the worst.

Source: Real, Aggarwal, Huang, Le, "Regularized Evolution for Image Classifier Architecture Search",
AAAI 2019, algorithm 1.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from lmreg.config.schema import option
from lmreg.strategy.base import Strategy
from lmreg.strategy.limits import Limits
from lmreg.strategy.problem import SearchProblem

_PATIENCE = 2_000


@dataclass
class Config(Limits):
    name: str = "evolution"
    budget: int = option(
        100,
        min=1,
        help="architectures to score, the first population included (the landmark paper's code: 1000)",
    )
    population: int = option(20, min=1, help="members alive at a time (that code: 50)")
    tournament: int = option(
        5, min=1, help="members drawn, with replacement, to choose each parent from (that code: 10)"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.population > self.budget:
            raise ValueError(f"population={self.population} is above budget={self.budget}")
        if self.tournament > self.population:
            raise ValueError(f"tournament={self.tournament} is above population={self.population}")


class Evolution(Strategy):
    """Regularised (aging) evolution from the algorithm's own proposals, one mutation per child.

    A child that breaks the limits is not born: another tournament is held. One that is isomorphic to an
    architecture already scored lives with that one's score and costs no budget.
    """

    def __init__(self, config: Config):
        self.config: Config = config

    def search(self, problem: SearchProblem) -> None:
        config = self.config
        first = problem.propose(config.population)
        population = deque(zip(problem.values(first), first, strict=True), config.population)
        misses = 0  # children in a row that brought nothing new: there may be nothing left
        while problem.scored < config.budget and misses < _PATIENCE:
            drawn = problem.rng.integers(len(population), size=config.tournament)
            _, parent = max((population[i] for i in drawn), key=lambda member: member[0])
            child = problem.space.mutate(parent, problem.rng)
            before = problem.scored
            if problem.admissible(child):
                (value,) = problem.values([child])
                population.append((value, child))  # a full deque drops its oldest
            misses = 0 if problem.scored > before else misses + 1

    def budget(self) -> int:
        return self.config.budget
