"""``lmreg search``: train a super-net, with or without the regulariser, and search it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from omegaconf import DictConfig
from rich.table import Table

from lmreg.algo.base import Algorithm
from lmreg.commands.announce import announce, announce_sweep
from lmreg.commands.options import given_overrides, top_level
from lmreg.config.build import typed
from lmreg.config.schema import block, option
from lmreg.config.sweep import sweeping
from lmreg.experiment.compatibility import check_compatible
from lmreg.experiment.determinism import settings_kept
from lmreg.experiment.failures import noted
from lmreg.experiment.result import Result
from lmreg.experiment.run_name import run_folder
from lmreg.experiment.search import SearchRun
from lmreg.experiment.study import Options, Study
from lmreg.experiment.tensorboard import Events
from lmreg.landmarks.rounds import RoundsConfig
from lmreg.landmarks.truth import Truth
from lmreg.rank.scoring import ScoringConfig
from lmreg.rank.tracking import TrackingConfig
from lmreg.reg.base import Regulariser
from lmreg.strategy.base import Strategy
from lmreg.strategy.problem import DISCRETISED
from lmreg.train.training import Training
from lmreg.util.progress import console, say


@dataclass
class SearchOptions(Options):
    log_every: int = option(50, min=1, help="steps between two rows of metrics.csv", result="once")
    checkpoint_seconds: float = option(
        30, min=0, help="a kill loses at most so many seconds of work", result=False
    )
    tensorboard: bool = option(False, help="also write the rows of metrics.csv for TensorBoard", result=False)
    landmarks: RoundsConfig = block(RoundsConfig)


def run(cfg: DictConfig) -> None:
    """The command; ``cfg`` is composed from ``conf/search.yaml``."""
    announce_sweep()
    search(cfg, given_overrides())


@settings_kept()
def search(cfg: DictConfig, overrides: list[str]) -> Result:
    """The result of the search, which is trained, resumed or read, whatever is left to do.

    Args:
        overrides: those that ``cfg`` was composed with.
    """
    options = top_level(cfg, SearchOptions)
    with noted(run_folder(cfg, overrides), always=sweeping()):
        return _search(cfg, options, overrides)


def _search(cfg: DictConfig, options: SearchOptions, overrides: list[str]) -> Result:
    study = Study(cfg, options)
    # Everything is checked before anything is read.
    algo: Algorithm = study.part("algo", Algorithm)
    check_compatible(study, algo)
    strategy: Strategy = study.part("strategy", Strategy)
    scoring = typed(cfg.scoring, ScoringConfig, "scoring").checked(study.task)
    tracking = typed(cfg.tracking, TrackingConfig, "tracking")
    rounds = options.landmarks
    reg_class, reg_config = study.resolve("reg", Regulariser)
    rounds.check(reg_class, str(cfg.reg.name), strategy)
    truth = None
    if reg_class.needs_landmarks:
        truth = Truth.load(study.folder / "landmarks", study.space)
    landmarks = truth.landmarks if truth else None
    reg: Regulariser = reg_class(reg_config, landmarks)
    events = Events() if options.tensorboard else None

    def trial() -> Training:
        scorer = scoring.scorer(study.data, study.task)
        return study.training(study.part("algo", Algorithm), reg_class(reg_config, landmarks), scorer)

    def before(training: Training) -> None:
        announce(work, study, training, trial, scoring, strategy.budget())

    work = SearchRun(study, overrides, algo, reg, strategy, scoring, tracking, truth, rounds)
    result = work.finished() or work.execute(options.log_every, options.checkpoint_seconds, before, events)
    _show(result, study)
    return result


def _show(result: Result, study: Study) -> None:
    table = Table(title=f"{result.run}: best of {len(result.candidates)} candidates", title_justify="left")
    table.add_column("architecture", overflow="fold")
    columns = [*(s.column for s in study.task.scores.values()), "params", "macs"]
    for column in columns:
        table.add_column(column, justify="right")
    best = result.candidates.head(3)
    learned = result.candidates[result.candidates["origin"] == DISCRETISED]
    for row in pd.concat([best, learned]).drop_duplicates().to_dict("records"):
        name = row["arch"] + (" (discretised)" if row["origin"] == DISCRETISED else "")
        table.add_row(name, *(f"{row[c]:,}" if c in ("params", "macs") else f"{row[c]:.4g}" for c in columns))
    console().print(table)
    say(f"Written: {result.folder}")
