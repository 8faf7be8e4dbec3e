"""The search for the best candidates of a super-net as it is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from lmreg.algo.base import Algorithm
from lmreg.data.images import ImageData
from lmreg.network.base import SuperNet
from lmreg.rank.scoring import ScoringConfig, score
from lmreg.space.base import Arch
from lmreg.strategy.base import Strategy
from lmreg.strategy.limits import Cost
from lmreg.strategy.problem import SearchProblem
from lmreg.task.base import Task
from lmreg.train.context import Context
from lmreg.util.progress import Progress, say


@dataclass(frozen=True)
class SupernetSearch:
    """A strategy with the algorithm that proposes candidates, and the way in which they are scored."""

    task: Task
    data: ImageData
    algo: Algorithm
    strategy: Strategy
    scoring: ScoringConfig
    cost: Cost

    def candidates(self, ctx: Context, title: str) -> pd.DataFrame:
        """Search the super-net of ``ctx``, with its random streams; return the scored candidates, best first.
        ``title`` is that of the progress display."""
        batches, calibration = self.scoring.batches(self.data), self.scoring.calibration(self.data)
        by, budget = self.task.scores[self.scoring.by], self.strategy.budget()
        with Progress(f"{title}: scoring", budget) as progress:

            def scores(archs: Sequence[Arch]) -> pd.DataFrame:
                return score(ctx.net, self.task, archs, batches, lambda: progress.advance(""), calibration)

            problem = SearchProblem(ctx, self.algo, scores, by, self.cost, self.strategy.config)
            self.strategy.search(problem)
        if problem.scored < budget:
            say(f"{title}: scored {problem.scored} of {budget} architectures; no others were found")
        return problem.candidates()

    def scores(self, net: SuperNet, archs: Sequence[Arch]) -> pd.DataFrame:
        """Return all scores of ``archs`` by the super-net ``net``, one row each in their order."""
        calibration = self.scoring.calibration(self.data)
        return score(net, self.task, archs, self.scoring.batches(self.data), calibration=calibration)
