"""Random search: score what the algorithm proposes."""

from __future__ import annotations

from dataclasses import dataclass

from lmreg.config.schema import option
from lmreg.strategy.base import Strategy
from lmreg.strategy.limits import Limits
from lmreg.strategy.problem import SearchProblem


@dataclass
class Config(Limits):
    name: str = "random"
    budget: int = option(100, min=1, help="architectures to score")


class RandomSearch(Strategy):
    """Scores the algorithm's proposals, each once."""

    def __init__(self, config: Config):
        self.config: Config = config

    def search(self, problem: SearchProblem) -> None:
        problem.values(problem.propose(self.config.budget))

    def budget(self) -> int:
        return self.config.budget
