"""``lmreg train-landmarks``: landmarks and an evaluation pool with stand-alone scores."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from lmreg.config import catalogue
from lmreg.config.build import top_level
from lmreg.config.identity import differences, refuse_changes
from lmreg.config.schema import option
from lmreg.experiment.compatibility import check_network
from lmreg.experiment.run_name import shown_overrides
from lmreg.experiment.study import Options, Study
from lmreg.experiment.workers import default_workers
from lmreg.landmarks.base import LandmarkSource
from lmreg.landmarks.truth import MANIFEST, Truth
from lmreg.selector.base import Selector
from lmreg.train.signals import stopped_at_once
from lmreg.util.files import read_json
from lmreg.util.locks import locked
from lmreg.util.progress import console, new_table, say


@dataclass
class LandmarkOptions(Options):
    workers: int | None = option(
        None, min=1, help="parallel trainings; null: one per core, or one on a GPU", result=False
    )


def train_landmarks(cfg: DictConfig, overrides: list[str]) -> Truth:
    """Train what is missing of the study's landmarks and pool, or read it from a table; return both."""
    options = top_level(cfg, LandmarkOptions)
    study = Study(cfg, options)
    with study.runtime.applied():
        truth = _train(study, options.workers, shown_overrides("train-landmarks", cfg, overrides))
    _show(truth, study)
    say(f"Written: {study.folder / 'landmarks'}/landmarks.csv, pool.csv, manifest.json")
    return truth


def _train(study: Study, workers: int | None, shown: list[str]) -> Truth:
    study.check_folder()
    check_network(study)
    source: LandmarkSource = study.part("landmarks", LandmarkSource)
    selector: Selector = study.part("selector", Selector)
    workers = workers or default_workers(study)
    folder = study.folder / "landmarks"
    with stopped_at_once("stopped; finished trainings are kept, run the same command again to go on"):
        origin = source.origin(study)
        _check_origin(folder, origin)
        if study.space.note:
            say(f"Note: {study.space.note}")
        scored = source.gather(study, selector, folder, workers)
        chosen = {"selector": dataclasses.asdict(study.resolve("selector", Selector)[1])}
        with locked(folder, wait=True):  # several processes may share the trainings; each writes the tables
            _check_origin(folder, origin)
            about = origin | chosen | scored.about | {"overrides": shown}
            dataclasses.replace(scored, about=about).save(folder, study.space)
            return Truth.load(folder, study.space)


def _check_origin(folder: Path, origin: dict[str, Any]) -> None:
    """Refuse to replace landmarks whose scores have another origin."""
    if (folder / MANIFEST).exists():
        before = read_json(folder / MANIFEST)
        changed = differences({key: before.get(key) for key in origin}, origin)
        refuse_changes(folder, "landmarks of another origin", changed)


def _show(truth: Truth, study: Study) -> None:
    """Print a summary of the scores, and what may be wrong with them."""
    headings = ("set", "architectures", "score", "worst", "median", "best")
    table = new_table(f"{study.options.study}: stand-alone scores", headings, ("set", "score"))
    for role, members in (("landmarks", truth.landmarks), ("pool", truth.pool)):
        scores = members.scores
        figures = (scores[-1], float(np.median(scores)), scores[0])
        table.add_row(role, str(len(scores)), members.column, *(f"{f:.4g}" for f in figures))
    console().print(table)
    for role, members in (("landmarks", truth.landmarks), ("pool", truth.pool)):
        if note := members.noise_note():
            say(f"Note: the {role}'s scores are {note}")
    if "data_hash" in truth.manifest:  # scores from a table need no images
        _note_small_splits(study)


def _note_small_splits(study: Study) -> None:
    """Warn if a search's batch exceeds a split: unlike stand-alone trainings, a search uses two splits."""
    batch = next(int(o.default) for o in catalogue.options("search") if o.key == "trainer.batch_size")
    size, split = min((study.data.sizes[name], name) for name in ("train", "rank"))
    if size < batch:
        say(
            f"Note: the {split} split has {size} images, less than a batch of 'lmreg search' "
            f"(trainer.batch_size={batch} by default); give it trainer.batch_size={size} or less"
        )
