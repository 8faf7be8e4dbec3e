"""``lmreg search``: train a super-net, with or without the regulariser, and search it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from lmreg.algo.base import Algorithm
from lmreg.commands.announce import announce_search, announce_sweep
from lmreg.config.build import top_level, typed
from lmreg.config.schema import block, option
from lmreg.config.sweep import sweeping
from lmreg.errors import LmregError
from lmreg.experiment.compatibility import check_compatible
from lmreg.experiment.failures import failure_noted
from lmreg.experiment.result import Result
from lmreg.experiment.run_name import run_folder, shown_overrides
from lmreg.experiment.search import SearchParts, SearchRun, SearchTraining
from lmreg.experiment.study import Options, Study
from lmreg.experiment.tensorboard import Events
from lmreg.landmarks.rounds import RoundsConfig
from lmreg.landmarks.truth import Truth
from lmreg.rank.proxy_scores import ProxiesConfig
from lmreg.rank.scoring import DEVIATION, PREDICTED, ScoringConfig
from lmreg.rank.tracking import TrackingConfig
from lmreg.reg.base import Regulariser
from lmreg.strategy.base import Strategy
from lmreg.strategy.problem import DISCRETISED
from lmreg.train.training import Training
from lmreg.util.progress import console, new_table, say


@dataclass
class SearchOptions(Options):
    log_every: int = option(50, min=1, help="steps between two rows of metrics.csv", result="once")
    checkpoint_seconds: float = option(
        30, min=0, help="a kill loses at most so many seconds of work", result=False
    )
    tensorboard: bool = option(False, help="also write the rows of metrics.csv for TensorBoard", result=False)
    landmarks: RoundsConfig = block(RoundsConfig)


def search(cfg: DictConfig, overrides: list[str]) -> Result:
    """Train, resume or read the search, whichever is left to do, and return its result."""
    announce_sweep()
    options, shown = top_level(cfg, SearchOptions), shown_overrides("search", cfg, overrides)
    folder = run_folder(cfg, shown)
    with failure_noted(folder, always=sweeping()):
        study = Study(cfg, options)
        with study.runtime.applied():
            return _search(study, options, folder, shown)


def _search(study: Study, options: SearchOptions, folder: Path, shown: list[str]) -> Result:
    # Everything is checked before any data is read.
    study.check_folder()
    algo: Algorithm = study.part("algo", Algorithm)
    check_compatible(study, algo)
    cfg = study.cfg
    strategy: Strategy = study.part("strategy", Strategy)
    scoring = typed(cfg.scoring, ScoringConfig, "scoring").checked(study.task)
    tracking = typed(cfg.tracking, TrackingConfig, "tracking")
    rounds = options.landmarks
    reg_class, reg_config = study.resolve("reg", Regulariser)
    if not algo.trains and (reg_class.needs_landmarks or not scoring.predicts):
        raise LmregError(
            f"algo={cfg.algo.name} trains no super-net, so a predictor must order the candidates: give "
            "reg=none scoring.by=predictor with it"
        )
    needs_landmarks = reg_class.needs_landmarks or scoring.predicts
    rounds.check(needs_landmarks, scoring.predicts, str(cfg.reg.name), strategy)
    proxies = typed(cfg.proxies, ProxiesConfig, "proxies")
    truth = Truth.load(study.folder / "landmarks", study.space) if needs_landmarks else None
    landmarks = truth.landmarks if truth else None
    events = Events() if options.tensorboard else None
    reg = reg_class(reg_config, landmarks)
    parts = SearchParts(algo, reg, strategy, scoring, tracking, rounds, proxies, truth)
    run = SearchRun(study, parts, folder, shown)

    def trial() -> Training:
        """Return a training like the run's, with parts of its own."""
        scorer = scoring.scorer(study.data, study.task)
        return study.training(study.part("algo", Algorithm), reg_class(reg_config, landmarks), scorer)

    def announce(work: SearchTraining) -> None:
        announce_search(study, work, trial, scoring, strategy.budget())

    result = run.finished() or run.execute(options.log_every, options.checkpoint_seconds, announce, events)
    _show(result, study)
    return result


def _show(result: Result, study: Study) -> None:
    """Print the best candidates, and the one that the algorithm has learned."""
    shown = [*(s.column for s in study.task.scores.values()), PREDICTED, DEVIATION, "params", "macs"]
    columns = [column for column in shown if column in result.candidates]
    title, first = f"{result.run}: best of {len(result.candidates)} candidates", "architecture"
    table = new_table(title, [first, *columns], [first])
    best = result.candidates.head(3)
    learned = result.candidates[result.candidates["origin"] == DISCRETISED]
    for row in pd.concat([best, learned]).drop_duplicates().to_dict("records"):
        name = row["arch"] + (" (discretised)" if row["origin"] == DISCRETISED else "")
        table.add_row(name, *(f"{row[c]:,}" if c in ("params", "macs") else f"{row[c]:.4g}" for c in columns))
    console().print(table)
    say(f"Written: {result.folder}")
