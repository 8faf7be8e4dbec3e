"""What ``lmreg search`` says before it trains: what will run, where, and about how long."""

from __future__ import annotations

from collections.abc import Callable

from hydra import compose

from lmreg.config.sweep import current_sweep
from lmreg.experiment.duration import search_seconds
from lmreg.experiment.run_name import run_folder
from lmreg.experiment.search import SearchRun
from lmreg.experiment.study import Study
from lmreg.experiment.summary import data_in_words, place, tell_data
from lmreg.rank.scoring import ScoringConfig
from lmreg.train.training import Training
from lmreg.util.progress import format_duration, say


def announce_sweep() -> None:
    """Before the first job of a sweep: how many there are, and how many are finished already."""
    sweep = current_sweep()
    if sweep is not None and sweep.number == 0:
        folders = [run_folder(compose("search", list(job)), list(job)) for job in sweep.jobs]
        finished = sum((folder / "result.json").exists() for folder in folders)
        say(f"Sweep: {len(folders)} jobs, {finished or 'none'} finished already")


def announce(
    run: SearchRun,
    study: Study,
    training: Training,
    trial: Callable[[], Training],
    scoring: ScoringConfig,
    candidates: int,
) -> None:
    """A few lines about a run that is about to train.

    Args:
        trial: makes a training like ``training``, to try how fast it is.
        candidates: how many architectures each search of the super-net scores.
    """
    cfg, ctx, sweep = study.cfg, training.ctx, current_sweep()
    tell_data(study)
    if study.space.note:
        say(f"Note: {study.space.note}")
    job = f"Job {sweep.number + 1} of {len(sweep.jobs)}: " if sweep else ""
    now = run.rounds.landmarks
    landmarks = f" ({len(now.archs)} landmarks)" if now else ""
    say(f"{job}algo={cfg.algo.name} reg={cfg.reg.name}{landmarks}, {data_in_words(study)}")
    candidates *= run.rounds.searches_left
    steps = f"{ctx.total_steps - ctx.step:,}{' more' if ctx.step else ''} steps"
    seconds = search_seconds(study, trial, ctx.step, scoring, candidates)
    time = f"; about {format_duration(seconds)}{_not_counted(run, training)}" if seconds else ""
    paths = f"{ctx.paths_per_step} paths on " if ctx.paths_per_step > 1 else ""
    work = f"{steps} of {paths}{study.trainer.batch_size} images, {candidates:,} architectures to score"
    say(f"{work}; {place(study)}{time}")
    if rounds := run.rounds.outlook():
        say(f"Landmarks: {rounds}")
    say(f"Folder: {run.folder}")


def _not_counted(run: SearchRun, training: Training) -> str:
    what = []
    if (epochs := training.algo.interval_epochs) is not None:
        what.append(f"what the algorithm does every {epochs:g} epochs")
    if run.rounds.searches_left > 1:
        what.append("new landmarks")
    return f" without {' and '.join(what)}" if what else ""
