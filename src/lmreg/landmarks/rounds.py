"""Iterative landmarks: candidates become landmarks while the super-net trains.

After each round but the last, the best candidates by the current super-net, or those that a predictor finds
most promising, get stand-alone scores and join the landmarks; the training goes on from the current weights.

Source: Yu, Ranftl, Salzmann, "Landmark Regularization: Ranking Guided Super-Net Training in Neural
Architecture Search", CVPR 2021 (the iterative scheme; its sizes are not given there).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.landmarks.base import StandaloneScorer
from lmreg.landmarks.truth import LandmarkSet, Truth
from lmreg.predictor.acquisition import ACQUISITIONS, expected_improvement, upper_confidence_bound
from lmreg.predictor.base import normal_scores
from lmreg.rank.scoring import DEVIATION, PREDICTED
from lmreg.rank.tracking import tau_rows
from lmreg.space.base import Arch
from lmreg.strategy.base import Strategy
from lmreg.train.context import Context
from lmreg.train.training import Training
from lmreg.util.files import write_table
from lmreg.util.progress import say

FindCandidates = Callable[[Context, str, LandmarkSet | None], pd.DataFrame]
"""Search the super-net of a context; return the table of candidates, best first. The text is a title; the
landmarks are for a predictor."""

ScoreArchs = Callable[[Context, LandmarkSet, Sequence[Arch]], pd.DataFrame]
"""Return scores of architectures by the super-net of a context, and by a predictor that knows the landmarks;
one row each in their order."""

Row = dict[str, Any]


@dataclass
class RoundsConfig:
    """How many rounds there are, and how many landmarks are added after each but the last."""

    rounds: int = option(1, min=1, help="R, rounds of training; landmarks are added after each but the last")
    add: int = option(5, min=1, help="k, candidates that are added as landmarks each time")
    acquire: str = option(
        "best",
        choices=list(ACQUISITIONS),
        help="which: the best, or with scoring.by=predictor those of the highest upper confidence bound "
        "(ucb) or expected improvement (ei), which also try what the predictor is unsure of",
        before="best",
    )

    def check(self, needed: bool, predicts: bool, reg: str, strategy: Strategy) -> None:
        """Check, before any work, that so many rounds are possible: landmarks are ``needed``, by the
        regulariser called ``reg`` or because a predictor orders candidates (``predicts``), and the strategy
        scores enough candidates."""
        if self.acquire != "best" and not predicts:
            raise LmregError(
                f"landmarks.acquire={self.acquire} needs to know how sure a prediction is: take "
                "scoring.by=predictor with it, or landmarks.acquire=best"
            )
        if self.rounds == 1 and self.acquire != "best":
            raise LmregError(
                f"landmarks.acquire={self.acquire} chooses landmarks after each round but the last, and "
                "there is one; give landmarks.rounds=2 or more with it"
            )
        if self.rounds == 1:
            return
        if not needed:
            raise LmregError(
                f"landmarks.rounds={self.rounds} adds landmarks, but reg={reg} uses none; "
                "take reg=landmark or scoring.by=predictor, or landmarks.rounds=1"
            )
        if self.add > strategy.budget():
            raise LmregError(
                f"landmarks.add={self.add} is above the {strategy.budget()} candidates that are scored"
            )


def round_ends(total_steps: int, warmup: float, rounds: int) -> list[int]:
    """Return the last step of each round: the steps after the warm-up (a share of the training, which belongs
    to the first round) are shared out equally. One round needs no end of its own. Each needs a step."""
    if rounds == 1:
        return []
    if total_steps == 0:  # nothing is trained between the rounds
        return [0] * rounds
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
    """The rounds of one search that has several.

    The state has one table of landmarks for each round that has ended, and the rows of ``rounds.csv``; the
    files are written from them.
    """

    def __init__(
        self,
        config: RoundsConfig,
        training: Training,
        truth: Truth,
        pool: dict[str, LandmarkSet],
        scorer: Callable[[], StandaloneScorer],
        find: FindCandidates,
        score: ScoreArchs,
        by: str,
        folder: Path,
    ):
        """
        Args:
            training: of the super-net; the rounds change its regulariser and nothing else.
            pool: the part of the held-out pool that is ranked after each round, by the set's name.
            scorer: gives access to stand-alone scores of further landmarks.
            find: searches the super-net for candidates.
            score: scores landmarks and pool.
            by: the score by which candidates are ordered.
            folder: of the run.
        """
        self._config, self._training, self._truth, self._pool = config, training, truth, pool
        self._scorer, self._find, self._score = functools.cache(scorer), find, score
        self._by, self._folder = by, folder
        ctx = training.ctx
        self._space, self._task = ctx.space, ctx.task
        self._ends = round_ends(ctx.total_steps, training.reg.warmup, config.rounds)
        self._tables: list[list[Row]] = []
        self._rows: list[Row] = []

    @property
    def landmarks(self) -> LandmarkSet:
        """The landmarks of the present round; once the training is over, all that were used."""
        return self._as_set(self._tables[-1]) if self._tables else self._truth.landmarks

    @property
    def searches_left(self) -> int:
        """How many times the super-net is still to be searched, the search after the training included."""
        return max(1, self._config.rounds - len(self._tables))

    def check(self) -> None:
        """Check that the rounds to come can be ended, before the training goes on: further landmarks can get
        stand-alone scores."""
        if self.searches_left > 1:
            self._scorer()

    def outlook(self) -> str:
        """Return what is to come, in words."""
        rounds = f"{self._config.rounds} rounds, to steps {', '.join(map(str, self._ends))}"
        if self.searches_left == 1:
            return rounds
        chosen = f"the {self._config.add} {ACQUISITIONS[self._config.acquire]} become landmarks"
        return f"{rounds}; after each but the last {chosen}, {self._scorer().origin}"

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to resume exactly."""
        return {"tables": self._tables, "rows": self._rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned, and give the regulariser the landmarks of the present round.
        The training must load its own state afterwards."""
        self._tables, self._rows = state["tables"], state["rows"]
        if self._tables:
            self._update_regulariser()

    def is_over(self) -> bool:
        """Return whether the training's last step was the last of a round that has not been ended yet."""
        ended = len(self._tables)
        return ended < len(self._ends) and self._training.ctx.step == self._ends[ended]

    @property
    def present(self) -> str:
        """The present round in words."""
        return f"round {len(self._tables) + 1} of {self._config.rounds}"

    def end(self) -> None:
        """End the present round: rank landmarks and pool, and add landmarks unless it is the last.

        Neither the super-net nor the training's random streams change; the regulariser gets the larger set.
        Nothing is kept before all is done, so that ending a round can be repeated.
        """
        ctx, number, title = self._training.ctx, len(self._tables) + 1, self.present.capitalize()
        last, known = number == self._config.rounds, self._truth.landmarks
        before = self._members()
        added = [] if last else self._best_candidates(number, title)
        rows = sorted([*before, *added], key=lambda row: -known.better_sign * row[f"truth_{known.column}"])
        of_rows, of_pool = self._scores(self._as_set(rows))
        trained_with = [row["since_round"] <= number for row in rows]
        taus = tau_rows("landmarks", self._as_set(before), of_rows[trained_with], self._task)
        for name, members in self._pool.items():
            taus += tau_rows(name, members, of_pool, self._task)
        common = {"round": number, "step": ctx.step, "epoch": self._training.epoch}
        common |= {"landmarks": len(before), "added": len(added)}
        scores = of_rows.rename(columns=str).to_dict("records")
        self._tables.append([{**row, **figures} for row, figures in zip(rows, scores, strict=True)])
        self._rows += [common | row for row in taus]
        if added:
            self._update_regulariser()
        shown = [row for row in taus if row["score"] == self._by]
        figures = [f"{row['kendall_tau']:.3f} on the {row['set']} (n = {row['n']})" for row in shown]
        say(f"{title} ends at step {ctx.step}: Kendall tau by {self._by} {', '.join(figures)}")
        if not last:
            joined = [row for row in self._tables[-1] if row["since_round"] > number]
            _announce_added(joined, self._config.add, len(rows))

    def write(self) -> None:
        """Write ``rounds.csv`` and ``rounds/round-<r>.csv`` of the rounds that have ended."""
        for number, rows in enumerate(self._tables, 1):
            write_table(self._folder / "rounds" / f"round-{number}.csv", pd.DataFrame(rows))
        if self._rows:
            write_table(self._folder / "rounds.csv", pd.DataFrame(self._rows))

    def _update_regulariser(self) -> None:
        if self._training.reg.needs_landmarks:
            self._training.reg = self._training.reg.with_landmarks(self.landmarks)

    def _members(self) -> list[Row]:
        """Return the landmarks of the present round, best first, without the super-net's scores."""
        landmarks = self._truth.landmarks
        column = f"truth_{landmarks.column}"
        if self._tables:
            keys = ("arch", "since_round", column, f"{column}_se")
            return [{key: row[key] for key in keys} for row in self._tables[-1]]
        known = zip(landmarks.archs, landmarks.scores.tolist(), landmarks.errors.tolist(), strict=True)
        return [_row(self._space.format(arch), 1, column, value, error) for arch, value, error in known]

    def _as_set(self, rows: list[Row]) -> LandmarkSet:
        known = self._truth.landmarks
        table, column = pd.DataFrame(rows), f"truth_{known.column}"
        members = LandmarkSet.from_table(table, self._space, column, known.better_sign)
        return dataclasses.replace(members, column=known.column)

    def _best_candidates(self, number: int, title: str) -> list[Row]:
        """Return the best candidates that may become landmarks, with their stand-alone scores."""
        space, column, ctx = self._space, self._truth.landmarks.column, self._training.ctx
        # With streams of its own, the search leaves the training's paths and batches as they would be.
        own = dataclasses.replace(ctx, streams=ctx.streams.branch(f"round-{number}"))
        candidates = self._find(own, title, self.landmarks)
        # The pool was drawn uniformly before the search: without its members it stays held out and fair.
        taken = {row["arch"] for row in self._members()}
        taken |= {space.format(arch) for arch in self._truth.pool.archs}
        classes = {space.canonical(space.parse(text)) for text in taken}
        archs = [space.parse(text) for text in self._promising(candidates)["arch"]]
        free = [arch for arch in archs if space.canonical(arch) not in classes]
        table = self._scorer().score(free, self._config.add)
        values = zip(table["arch"], table[column].tolist(), table[f"{column}_se"].tolist(), strict=True)
        return [_row(arch, number + 1, f"truth_{column}", value, error) for arch, value, error in values]

    def _promising(self, candidates: pd.DataFrame) -> pd.DataFrame:
        """Return the candidates in the order in which they are to become landmarks."""
        if self._config.acquire == "best":
            return candidates
        mean, deviation = candidates[PREDICTED].to_numpy(), candidates[DEVIATION].fillna(0.0).to_numpy()
        if self._config.acquire == "ucb":
            value = upper_confidence_bound(mean, deviation)
        else:
            known = self.landmarks.better_sign * self.landmarks.scores
            value = expected_improvement(mean, deviation, normal_scores(known).max())
        return candidates.iloc[np.argsort(-value, kind="stable")]

    def _scores(self, landmarks: LandmarkSet) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the scores of the landmarks and of the pool, each in their order."""
        of_pool = [arch for members in self._pool.values() for arch in members.archs]
        table = self._score(self._training.ctx, self.landmarks, [*landmarks.archs, *of_pool])
        count = len(landmarks.archs)
        return table[:count], table[count:]


def _row(arch: str, since: int, column: str, value: float, error: float) -> Row:
    """Return a landmark's row; ``since`` is the first round that trains with it, 1 for the study's own."""
    return {"arch": arch, "since_round": since, column: value, f"{column}_se": error}


def _announce_added(added: list[Row], wanted: int, total: int) -> None:
    """Print the landmarks that have been added, one line each."""
    fewer = f" (of {wanted} wanted: no other candidate has a score and is not in the pool)"
    colon = ":" if added else ""
    say(f"{len(added)} landmarks added{fewer if len(added) < wanted else ''}, now {total}{colon}")
    for row in added:
        figures = ", ".join(
            f"{key} {value:.4g}" for key, value in row.items() if isinstance(value, float) and value == value
        )
        say(f"  {row['arch']}: {figures}")
