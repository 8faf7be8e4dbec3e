"""What ``lmreg search`` prints before it trains: what will run, where, and about how long it will take."""

from __future__ import annotations

from collections.abc import Callable

from hydra import compose

from lmreg.config.sweep import current_sweep
from lmreg.experiment.duration import search_seconds
from lmreg.experiment.run_name import run_folder, shown_overrides
from lmreg.experiment.search import SearchTraining
from lmreg.experiment.study import Study
from lmreg.experiment.summary import announce_data, device_in_words, splits_in_words
from lmreg.rank.scoring import ScoringConfig
from lmreg.train.training import Training
from lmreg.util.progress import format_duration, say


def announce_sweep() -> None:
    """Before the first job of a sweep, print how many jobs it has and how many of them are finished."""
    sweep = current_sweep()
    if sweep is not None and sweep.number == 0:
        configs = [(compose("search", list(job)), job) for job in sweep.jobs]
        folders = [run_folder(cfg, shown_overrides("search", cfg, job)) for cfg, job in configs]
        finished = sum((folder / "result.json").exists() for folder in folders)
        say(f"Sweep: {len(folders)} jobs, {finished or 'none'} finished already")


def announce_search(
    study: Study,
    work: SearchTraining,
    trial: Callable[[], Training],
    scoring: ScoringConfig,
    candidates: int,
) -> None:
    """Print a few lines about a search that is about to train.

    ``trial`` makes a training like that of ``work``, on which its speed is measured; each search of the
    super-net scores ``candidates`` architectures.
    """
    cfg, ctx, sweep = study.cfg, work.training.ctx, current_sweep()
    announce_data(study.data)
    if study.space.note:
        say(f"Note: {study.space.note}")
    job = f"Job {sweep.number + 1} of {len(sweep.jobs)}: " if sweep else ""
    landmarks = f" ({len(work.landmarks.archs)} landmarks)" if work.landmarks else ""
    data = f"{study.title} ({splits_in_words(study.data)})"
    say(f"{job}algo={cfg.algo.name} reg={cfg.reg.name}{landmarks}, {data}")
    candidates *= work.searches_left
    steps = f"{ctx.total_steps - ctx.step:,}{' more' if ctx.step else ''} steps"
    seconds = search_seconds(trial, ctx.step, study.data, scoring, study.cost, candidates)
    time = f"; about {format_duration(seconds)}{_not_counted(work, scoring.predicts)}" if seconds else ""
    paths = f"{ctx.paths_per_step} paths on " if ctx.paths_per_step > 1 else ""
    images = f"{paths}{study.trainer.batch_size} images"
    work_in_words = f"{steps} of {images}" if ctx.total_steps else "No super-net to train"
    say(f"{work_in_words}, {candidates:,} architectures to score; {device_in_words(study.device)}{time}")
    if scoring.predicts and work.training.algo.trains and work.training.reg.needs_landmarks:
        say(
            "Note: the super-net is trained to order the landmarks, so they can't judge it, and it has no "
            "part in the predictor's order of candidates; with reg=none it can"
        )
    if work.rounds:
        say(f"Landmarks: {work.rounds.outlook()}")
    say(f"Folder: {work.folder}")


def _not_counted(work: SearchTraining, predicts: bool) -> str:
    """Return what the estimated duration doesn't include, in words."""
    parts = []
    if (epochs := work.training.algo.interval_epochs) is not None:
        parts.append(f"what the algorithm does every {epochs:g} epochs")
    if work.searches_left > 1:
        parts.append("new landmarks")
    if predicts:
        parts.append("training-free scores")
    return f" without {' and '.join(parts)}" if parts else ""
