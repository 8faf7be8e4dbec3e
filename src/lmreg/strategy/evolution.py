"""Regularised evolution: tournaments choose the parents, and the oldest member dies rather than the worst.

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
    """Regularised (aging) evolution that starts from the algorithm's proposals, with one mutation per child.

    A child that violates the limits is discarded, and another tournament is held. A child that is isomorphic
    to a scored architecture joins the population with that score and costs no budget.
    """

    def __init__(self, config: Config):
        self.config: Config = config

    def search(self, problem: SearchProblem) -> None:
        config = self.config
        population = deque(problem.propose(config.population), config.population)
        problem.values(list(population))
        misses = 0  # consecutive children that were not scored, since there may be nothing new left
        while problem.scored < config.budget and misses < _PATIENCE:
            drawn = [population[i] for i in problem.rng.integers(len(population), size=config.tournament)]
            # Values of now: a prediction changes when more is known.
            _, parent = max(zip(problem.values(drawn), drawn, strict=True), key=lambda member: member[0])
            child = problem.space.mutate(parent, problem.rng)
            before = problem.scored
            if problem.admissible(child):
                problem.values([child])
                population.append(child)  # a full deque drops its oldest member
            misses = 0 if problem.scored > before else misses + 1

    def budget(self) -> int:
        return self.config.budget
