"""Iterative landmarks: the super-net's best candidates become landmarks while it trains.

After each round but the last, the best candidates under the current super-net get stand-alone scores
and join the landmarks; the training goes on from the current weights.

Source: Yu, Ranftl, Salzmann, "Landmark Regularization: Ranking Guided Super-Net Training in Neural
Architecture Search", CVPR 2021 (the iterative scheme; its sizes are not given there).
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.experiment.study import Study
from lmreg.landmarks.base import Further, further_scores
from lmreg.landmarks.truth import LandmarkSet, Truth
from lmreg.rank.scoring import ScoringConfig, score
from lmreg.rank.tracking import TrackingConfig, tau_rows, tracked_pool
from lmreg.reg.base import Regulariser
from lmreg.strategy.base import Strategy
from lmreg.train.context import Context
from lmreg.train.random_streams import Streams, derive
from lmreg.train.training import Training
from lmreg.util.files import write_table
from lmreg.util.progress import say

Find = Callable[[Context, str], pd.DataFrame]
"""Searches the super-net of a context; the table of candidates, best first. The text is a title."""

Row = dict[str, Any]


@dataclass
class RoundsConfig:
    """How many rounds, and how many landmarks more after each but the last."""

    rounds: int = option(1, min=1, help="R, rounds of training; landmarks are added after each but the last")
    add: int = option(5, min=1, help="k, best candidates that are added as landmarks each time")

    def check(self, reg: type[Regulariser], name: str, strategy: Strategy) -> None:
        """Nothing if there can be so many rounds; before any work.

        Raises:
            LmregError: the regulariser (of that ``name``) has no landmarks, or there are too few candidates.
        """
        if self.rounds == 1:
            return
        if not reg.needs_landmarks:
            raise LmregError(
                f"landmarks.rounds={self.rounds} adds landmarks, which reg={name} has none of; "
                "take reg=landmark, or landmarks.rounds=1"
            )
        if self.add > strategy.budget():
            raise LmregError(
                f"landmarks.add={self.add} is above the {strategy.budget()} candidates that are scored"
            )


def round_ends(total_steps: int, warmup: float, rounds: int) -> list[int]:
    """The step after which each round ends: the part after the warm-up in equal parts, none for one round.

    Args:
        warmup: share of the training before the regulariser acts; it belongs to the first round.

    Raises:
        LmregError: there are fewer steps than rounds.
    """
    if rounds == 1:
        return []
    acting = 1 - warmup
    ends = [round(total_steps * (warmup + acting * number / rounds)) for number in range(1, rounds + 1)]
    starts = [round(total_steps * warmup), *ends]
    if any(end <= start for start, end in zip(starts, ends, strict=False)):
        raise LmregError(
            f"landmarks.rounds={rounds} is too many for {total_steps} steps, {warmup:g} of them the "
            f"regulariser's warm-up; train longer, or lower reg.warmup or landmarks.rounds"
        )
    return ends


class Rounds:
    """The rounds of one search.

    A table of every round that has ended and the rows of ``rounds.csv`` belong to the run's saved
    state; the files are written from them. With one round there is nothing to end and nothing to write.
    """

    def __init__(
        self,
        config: RoundsConfig,
        study: Study,
        truth: Truth | None,
        scoring: ScoringConfig,
        tracking: TrackingConfig,
        find: Find,
        folder: Path,
    ):
        self._config, self._study, self._scoring, self._tracking = config, study, scoring, tracking
        self._truth, self._find, self._folder = truth, find, folder
        self._tables: list[list[Row]] = []
        self._rows: list[Row] = []
        self._ends: list[int] = []
        self._further: Further | None = None

    @property
    def landmarks(self) -> LandmarkSet | None:
        """Those of the round that goes on now; all that were used once the training is over."""
        if not self._tables:
            return self._truth.landmarks if self._truth else None
        return self._as_set(self._tables[-1])

    @property
    def searches_left(self) -> int:
        """How many searches of the super-net are still to come, the one after the training included."""
        return max(1, self._config.rounds - len(self._tables))

    def outlook(self) -> str:
        """What there will be, for people; empty for one round."""
        if not self._ends:
            return ""
        rounds = f"{self._config.rounds} rounds, to steps {', '.join(map(str, self._ends))}"
        if self._further is None:  # the last one goes on
            return rounds
        best = f"the {self._config.add} best candidates become landmarks, {self._further.how}"
        return f"{rounds}; after each but the last {best}"

    def state_dict(self) -> dict[str, Any]:
        return {"tables": self._tables, "rows": self._rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._tables, self._rows = state["tables"], state["rows"]

    def begin(self, training: Training) -> None:
        """Before the training starts or goes on: what could stop a later round is told now.

        Raises:
            LmregError: too few steps for the rounds, or there can be no scores of further landmarks.
        """
        total, warmup = training.ctx.total_steps, training.reg.warmup
        self._ends = round_ends(total, warmup, self._config.rounds)
        if self._ends and self.searches_left > 1:
            self._further = further_scores(self._study, self._known, self._study.folder / "landmarks")

    def due(self, step: int) -> bool:
        """Whether a round ends with this step and hasn't been ended yet."""
        ended = len(self._tables)
        return ended < len(self._ends) and step == self._ends[ended]

    @property
    def now(self) -> str:
        """The round that is due, for people."""
        return f"round {len(self._tables) + 1} of {self._config.rounds}"

    def end(self, training: Training) -> None:
        """End the round that is due: add landmarks if another follows, and keep how all of them stand.

        The super-net and the training's random streams stay as they are; the regulariser goes on with
        the larger set. Nothing is kept before all is done, so it can be done again.
        """
        ctx, number, title = training.ctx, len(self._tables) + 1, self.now.capitalize()
        before = self._members()
        added = self._best(ctx, number, title) if number < self._config.rounds else []
        known, task = self._known.landmarks, self._study.task
        rows = sorted([*before, *added], key=lambda row: -known.better_sign * row[f"truth_{known.column}"])
        pool = tracked_pool(self._tracking, self._known, self._study)
        of_rows, of_pool = self._scores(ctx, self._as_set(rows), pool)
        trained_with = [row["since_round"] <= number for row in rows]
        taus = tau_rows("landmarks", self._as_set(before), of_rows[trained_with], task)
        for name, members in pool.items():
            taus += tau_rows(name, members, of_pool, task)
        at = {"round": number, "step": ctx.step, "epoch": training.epoch}
        at |= {"landmarks": len(before), "added": len(added)}
        scores = of_rows.rename(columns=str).to_dict("records")
        self._tables.append([{**row, **figures} for row, figures in zip(rows, scores, strict=True)])
        self._rows += [at | row for row in taus]
        if added:
            training.reg = self.regulariser(training.reg)
        say(f"{title} ends at step {ctx.step}: {self._in_words(taus)}")
        if number < self._config.rounds:
            joined = [row for row in self._tables[-1] if row["since_round"] > number]
            _tell(joined, self._config.add, len(rows))

    def _in_words(self, taus: list[Row]) -> str:
        by = self._scoring.by
        mine = [row for row in taus if row["score"] == by]
        figures = [f"{row['kendall_tau']:.3f} on the {row['set']} (n = {row['n']})" for row in mine]
        return f"Kendall tau by {by} {', '.join(figures)}"

    def regulariser(self, reg: Regulariser) -> Regulariser:
        """``reg`` with the landmarks of the round that goes on now."""
        return reg.with_landmarks(self.landmarks) if self._tables and self.landmarks else reg

    def write(self) -> None:
        """``rounds.csv`` and ``rounds/round-<r>.csv`` of the rounds that have ended."""
        for number, rows in enumerate(self._tables, 1):
            write_table(self._folder / "rounds" / f"round-{number}.csv", pd.DataFrame(rows))
        if self._rows:
            write_table(self._folder / "rounds.csv", pd.DataFrame(self._rows))

    @property
    def _known(self) -> Truth:
        assert self._truth is not None, "further rounds go with a regulariser that needs landmarks"
        return self._truth

    def _members(self) -> list[Row]:
        """The landmarks of the round that goes on now, best first, without the super-net's scores."""
        landmarks, space = self._known.landmarks, self._study.space
        column = f"truth_{landmarks.column}"
        if self._tables:
            keys = ("arch", "since_round", column, f"{column}_se")
            return [{key: row[key] for key in keys} for row in self._tables[-1]]
        known = zip(landmarks.archs, landmarks.scores.tolist(), landmarks.errors.tolist(), strict=True)
        return [_row(space.format(arch), 1, column, value, error) for arch, value, error in known]

    def _as_set(self, rows: list[Row]) -> LandmarkSet:
        like = self._known.landmarks
        table, column = pd.DataFrame(rows), f"truth_{like.column}"
        members = LandmarkSet.from_table(table, self._study.space, column, like.better_sign)
        return dataclasses.replace(members, column=like.column)

    def _best(self, ctx: Context, number: int, title: str) -> list[Row]:
        """The best candidates that may become landmarks, with their stand-alone scores."""
        assert self._further is not None
        study, column = self._study, self._known.landmarks.column
        apart = copy.copy(ctx)  # draws of its own: paths and batches are those of a training without rounds
        apart.streams = Streams(derive(study.options.seed, f"round-{number}"), study.device)
        candidates = self._find(apart, title)
        # The pool was drawn beforehand, uniformly: leaving its members out keeps it held out and fair.
        taken = {row["arch"] for row in self._members()}
        taken |= {study.space.format(arch) for arch in self._known.pool.archs}
        classes = {study.space.canonical(study.space.parse(text)) for text in taken}
        archs = [study.space.parse(text) for text in candidates["arch"]]
        free = [arch for arch in archs if study.space.canonical(arch) not in classes]
        table = self._further.score(free, self._config.add)
        values = zip(table["arch"], table[column].tolist(), table[f"{column}_se"].tolist(), strict=True)
        return [_row(arch, number + 1, f"truth_{column}", value, error) for arch, value, error in values]

    def _scores(
        self, ctx: Context, landmarks: LandmarkSet, pool: dict[str, LandmarkSet]
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The super-net's scores of landmarks and pool, each in their order."""
        data, scoring = self._study.data, self._scoring
        archs = [*landmarks.archs, *(arch for members in pool.values() for arch in members.archs)]
        calibration = scoring.calibration(data)
        table = score(ctx.net, self._study.task, archs, scoring.batches(data), calibration=calibration)
        count = len(landmarks.archs)
        return table[:count], table[count:]


def _row(arch: str, since: int, column: str, value: float, error: float) -> Row:
    """A landmark: ``since_round`` is the first round that trains with it, 1 for those of the study."""
    return {"arch": arch, "since_round": since, column: value, f"{column}_se": error}


def _tell(added: list[Row], wanted: int, now: int) -> None:
    """What has been added, one line each."""
    fewer = f" (of {wanted} wanted: no other candidate has a score and is not in the pool)"
    follows = ":" if added else ""
    say(f"{len(added)} landmarks added{fewer if len(added) < wanted else ''}, now {now}{follows}")
    for row in added:
        figures = ", ".join(
            f"{key} {value:.4g}" for key, value in row.items() if isinstance(value, float) and value == value
        )
        say(f"  {row['arch']}: {figures}")
