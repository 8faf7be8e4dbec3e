"""A search over the super-net as it is now."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lmreg.algo.base import Algorithm
from lmreg.experiment.study import Study
from lmreg.rank.scoring import ScoringConfig, score
from lmreg.space.base import Arch
from lmreg.strategy.base import Strategy
from lmreg.strategy.limits import Cost
from lmreg.strategy.problem import SearchProblem
from lmreg.train.context import Context
from lmreg.util.progress import Progress, say


def search_supernet(
    study: Study,
    ctx: Context,
    algo: Algorithm,
    strategy: Strategy,
    scoring: ScoringConfig,
    cost: Cost,
    title: str,
) -> pd.DataFrame:
    """Candidates with their scores, best first; random draws are those of the streams in ``ctx``.

    Args:
        title: what progress is told of.
    """
    batches, calibration = scoring.batches(study.data), scoring.calibration(study.data)
    by, budget = study.task.score(scoring.by), strategy.budget()
    with Progress(f"{title}: scoring", budget) as progress:

        def scores(archs: Sequence[Arch]) -> pd.DataFrame:
            return score(ctx.net, study.task, archs, batches, lambda: progress.advance(""), calibration)

        problem = SearchProblem(ctx, algo, scores, by, cost, strategy.config)
        strategy.search(problem)
    if problem.scored < budget:
        say(f"{title}: scored {problem.scored} of {budget} architectures; no others were found")
    return problem.candidates()
