"""The search problem that a trained super-net poses to a strategy."""

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
"""Scores architectures on the score split; returns a row for each and a column per score of the task."""

DISCRETISED = "discretised"
"""The ``origin`` of the architecture that an algorithm has learned, in the table of candidates."""

Predict = Callable[[Sequence[Arch], pd.DataFrame], pd.DataFrame]
"""Adds columns to the table of all scored architectures. These may depend on which others there are."""

_PATIENCE = 20


class SearchProblem:
    """The interface between a strategy and a super-net. Keeps the scored architectures; of isomorphic ones
    only the first is scored."""

    def __init__(
        self,
        ctx: Context,
        algo: Algorithm,
        score: ScoreArchs,
        by: Score,
        cost: Cost,
        limits: Limits,
        predict: Predict | None = None,
    ):
        """``by`` orders the architectures; its column is from ``score``, or from ``predict`` if there is
        one."""
        self.space, self.rng = ctx.space, ctx.streams.arch
        self._ctx, self._algo, self._score, self._by, self._predict = ctx, algo, score, by, predict
        self._cost, self._limits = cost, limits
        self._values: dict[str, float] = {}
        self._origins: dict[str, str] = {}
        self._archs: list[Arch] = []
        self._table = pd.DataFrame()  # of all of them, with what is predicted

    @property
    def scored(self) -> int:
        """Number of architectures scored so far, no two of them isomorphic."""
        return len(self._archs)

    def admissible(self, arch: Arch) -> bool:
        """Return whether ``arch`` is within the limits."""
        return not self._limits.given or self._limits.excess(self._cost(arch)) == 0

    def propose(self, count: int) -> list[Arch]:
        """Return up to ``count`` admissible architectures proposed by the algorithm, no two isomorphic.
        Raises LmregError if no architecture within the limits is found.

        The architecture that the algorithm has learned, if any, comes first. The algorithm is asked again to
        replace proposals that violate the limits, until 20 consecutive answers bring nothing new. If none is
        admissible, one is searched for, see `Limits.example`.
        """
        learned = self._algo.discretised(self._ctx)
        found: dict[str, Arch] = {}
        if learned is not None:
            self._origins[self.space.canonical(learned)] = DISCRETISED
            if self.admissible(learned):
                found[self.space.canonical(learned)] = learned
            else:
                text = self.space.format(learned)
                say(f"Note: the learned architecture violates the limits: {text}")
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
        """Return the architectures' scores by ``scoring.by``, signed so that higher is better.

        Architectures isomorphic to scored ones aren't scored again; the others are scored together. NaN
        becomes −∞. A prediction is that of now: it becomes finer with the number of scored architectures.
        """
        keys = [self.space.canonical(arch) for arch in archs]
        new: dict[str, Arch] = {}
        for key, arch in zip(keys, archs, strict=True):
            if key not in self._values:
                new.setdefault(key, arch)
        if new:
            table = self._score(list(new.values()))
            if self._archs:
                table = pd.concat([self._table, table], ignore_index=True)
            self._archs += new.values()
            if self._predict is not None:  # which may change what is predicted of earlier ones
                table = self._predict(self._archs, table)
            values = np.nan_to_num(self._by.sign * table[self._by.column].to_numpy(), nan=-np.inf)
            self._values = dict(zip([*self._values, *new], values.tolist(), strict=True))
            self._table = table
        return [self._values[key] for key in keys]

    def candidates(self) -> pd.DataFrame:
        """Return the scored architectures, best first.

        The columns are ``arch``, ``origin`` (discretised, sampled or mutated), ``params``, ``macs``, the
        task's scores and, if there is a predictor, what it predicts and what it knows.
        """
        about = []
        for arch in self._archs:
            origin = self._origins.get(self.space.canonical(arch), "mutated")
            about.append({"arch": self.space.format(arch), "origin": origin, **self._cost(arch)})
        sizes = pd.DataFrame(about)
        # Sizes may be among the training-free scores too.
        others = self._table.columns.difference(sizes.columns, sort=False)
        table = pd.concat([sizes, self._table[others]], axis=1)
        ascending = not self._by.higher_is_better
        return table.sort_values(self._by.column, ascending=ascending, kind="stable")
