"""The search for the best candidates by a super-net as it is now, by a predictor, or by both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from lmreg.algo.base import Algorithm
from lmreg.data.images import ImageData
from lmreg.landmarks.truth import LandmarkSet
from lmreg.network.base import SuperNet
from lmreg.rank.predicted import CandidatePredictor
from lmreg.rank.proxy_scores import ProxyScores
from lmreg.rank.scoring import PREDICTED, ScoringConfig, score
from lmreg.space.base import Arch
from lmreg.strategy.base import Strategy
from lmreg.strategy.limits import Cost
from lmreg.strategy.problem import SearchProblem
from lmreg.task.base import Task
from lmreg.train.context import Context
from lmreg.util.progress import Progress, say


class Found(NamedTuple):
    """Scored candidates, best first, and the predictor that ordered them, if one did."""

    table: pd.DataFrame
    predictor: CandidatePredictor | None


@dataclass(frozen=True)
class SupernetSearch:
    """A strategy with the algorithm that proposes candidates, and the way in which they are scored."""

    task: Task
    data: ImageData
    algo: Algorithm
    strategy: Strategy
    scoring: ScoringConfig
    cost: Cost
    proxies: ProxyScores | None
    """What a predictor knows besides landmarks; None if candidates are ordered by the super-net alone."""
    independent: bool
    """Whether the super-net wasn't trained to order the landmarks, so that they can judge it."""

    def candidates(self, ctx: Context, title: str, landmarks: LandmarkSet | None) -> Found:
        """Search the super-net of ``ctx``, with its random streams; return the scored candidates.

        Args:
            title: that of the progress display.
            landmarks: what a predictor learns from.
        """
        batches, calibration = self.scoring.batches(self.data), self.scoring.calibration(self.data)
        by, budget = self.scoring.order(self.task), self.strategy.budget()
        predictor = self._predictor(ctx, landmarks)
        with Progress(f"{title}: scoring", budget) as progress:

            def advance(by: int = 1) -> None:
                progress.advance("", by)

            def scores(archs: Sequence[Arch]) -> pd.DataFrame:
                parts = []
                if self.algo.trains:
                    parts.append(score(ctx.net, self.task, archs, batches, advance, calibration))
                if predictor is not None:
                    parts.append(predictor.scores(archs, _nothing if parts else advance))
                return pd.concat(parts, axis=1)

            predict = predictor.add if predictor is not None else None
            problem = SearchProblem(ctx, self.algo, scores, by, self.cost, self.strategy.config, predict)
            self.strategy.search(problem)
        if problem.scored < budget:
            say(f"{title}: scored {problem.scored} of {budget} architectures; no others were found")
        candidates = problem.candidates()
        if predictor is not None:
            say(f"{title}: {predictor.in_words()}")
        return Found(candidates, predictor)

    def _predictor(self, ctx: Context, landmarks: LandmarkSet | None) -> CandidatePredictor | None:
        """Return the predictor that learns from ``landmarks``; None if the super-net alone orders."""
        if self.proxies is None or landmarks is None:
            return None
        joins = self.algo.trains and self.independent
        by = self.task.scores[self.scoring.of_task(self.task)] if joins else None
        super_net = self.scores(ctx.net, landmarks.archs) if joins else None
        return CandidatePredictor(ctx.space, landmarks, self.proxies, by, super_net)

    def ranking(self, ctx: Context, landmarks: LandmarkSet, archs: Sequence[Arch]) -> pd.DataFrame:
        """Return what orders ``archs`` now, one row each in their order: the super-net's scores and, if there
        is a predictor, what it predicts from ``landmarks``; of a landmark itself, what it predicts of it
        without its score."""
        table = self.scores(ctx.net, archs) if self.algo.trains else pd.DataFrame(index=range(len(archs)))
        predictor = self._predictor(ctx, landmarks)
        if predictor is None:
            return table
        known = pd.concat([table, predictor.scores(archs, _nothing)], axis=1)
        predicted = predictor.add(archs, known)[PREDICTED]
        left_out = dict(zip(landmarks.archs, predictor.left_out.tolist(), strict=True))
        return table.assign(
            **{PREDICTED: [left_out.get(*pair) for pair in zip(archs, predicted, strict=True)]}
        )

    def scores(self, net: SuperNet, archs: Sequence[Arch]) -> pd.DataFrame:
        """Return all scores of ``archs`` by the super-net ``net``, one row each in their order."""
        calibration = self.scoring.calibration(self.data)
        return score(net, self.task, archs, self.scoring.batches(self.data), calibration=calibration)


def _nothing(by: int) -> None:
    """Take the place of a progress display."""
