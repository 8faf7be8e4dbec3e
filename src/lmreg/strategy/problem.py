"""A trained super-net as something to search."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from lmreg.algo.base import Algorithm
from lmreg.space.base import Arch
from lmreg.strategy.limits import Cost, Limits
from lmreg.task.base import Score
from lmreg.train.context import Context
from lmreg.util.progress import say

ScoreArchs = Callable[[Sequence[Arch]], pd.DataFrame]
"""Scores architectures on the score split: one row each, one column per score of the task."""

DISCRETISED = "discretised"
"""How the table of candidates marks the architecture that an algorithm has learned."""

_PATIENCE = 20


class SearchProblem:
    """What a strategy gets to see. It keeps what has been scored: every class of isomorphic architectures
    once, whichever of them comes first."""

    def __init__(
        self, ctx: Context, algo: Algorithm, score: ScoreArchs, by: Score, cost: Cost, limits: Limits
    ):
        self.space, self.rng = ctx.space, ctx.streams.arch
        self._ctx, self._algo, self._score, self._by = ctx, algo, score, by
        self._cost, self._limits = cost, limits
        self._values: dict[str, float] = {}
        self._origins: dict[str, str] = {}
        self._archs: list[Arch] = []
        self._tables: list[pd.DataFrame] = []

    @property
    def scored(self) -> int:
        """How many architectures have been scored so far, no two isomorphic."""
        return len(self._archs)

    def admissible(self, arch: Arch) -> bool:
        """Whether ``arch`` keeps the limits."""
        return not self._limits.given or self._limits.excess(self._cost(arch)) == 0

    def propose(self, count: int) -> list[Arch]:
        """Up to ``count`` admissible architectures that the algorithm proposes, no two isomorphic.

        The one that it has learned, if it learns one, comes first. It is asked again for those that
        break the limits, until 20 times in a row nothing new comes; if none has come then, one is
        looked for.

        Raises:
            LmregError: no architecture is found that keeps the limits.
        """
        learned = self._algo.discretised(self._ctx)
        found: dict[str, Arch] = {}
        if learned is not None:
            self._origins[self.space.canonical(learned)] = DISCRETISED
            if self.admissible(learned):
                found[self.space.canonical(learned)] = learned
            else:
                text = self.space.format(learned)
                say(f"the architecture that was learned breaks the limits: {text}")
        misses = 0
        while len(found) < count and misses < (_PATIENCE if self._limits.given else 1):
            before = len(found)
            for arch in filter(self.admissible, self._algo.propose(self._ctx, count)):
                found.setdefault(self.space.canonical(arch), arch)
            misses = 0 if len(found) > before else misses + 1
        proposed = list(found.values())[:count] or [self._limits.example(self.space, self._cost)]
        for arch in proposed:
            self._origins.setdefault(self.space.canonical(arch), "sampled")
        return proposed

    def values(self, archs: Sequence[Arch]) -> list[float]:
        """How good architectures are by `scoring.by`, growing with quality.

        Only classes not yet known are scored, all in one go; a score that is no number is the worst.
        """
        keys = [self.space.canonical(arch) for arch in archs]
        new: dict[str, Arch] = {}
        for key, arch in zip(keys, archs, strict=True):
            if key not in self._values:
                new.setdefault(key, arch)
        if new:
            table = self._score(list(new.values()))
            values = self._by.sign * table[self._by.column].to_numpy()
            self._values |= dict(zip(new, np.nan_to_num(values, nan=-np.inf).tolist(), strict=True))
            self._archs += new.values()
            self._tables.append(table)
        return [self._values[key] for key in keys]

    def candidates(self) -> pd.DataFrame:
        """What has been scored, best first.

        The columns are ``arch``, ``origin`` (discretised, sampled or mutated), ``params``, ``macs`` and
        the task's scores.
        """
        about = [
            {"arch": self.space.format(arch), "origin": self._origin(arch), **self._cost(arch)}
            for arch in self._archs
        ]
        scores = pd.concat(self._tables, ignore_index=True)
        table = pd.concat([pd.DataFrame(about), scores], axis=1)
        ascending = not self._by.higher_is_better
        return table.sort_values(self._by.column, ascending=ascending, kind="stable")

    def _origin(self, arch: Arch) -> str:
        return self._origins.get(self.space.canonical(arch), "mutated")
