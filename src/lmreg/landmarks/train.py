"""Landmarks and pool trained stand-alone, one small record per architecture and seed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import OmegaConf

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.experiment.duration import standalone_seconds
from lmreg.experiment.study import Study
from lmreg.experiment.summary import announce_data, device_in_words, splits_in_words
from lmreg.experiment.workers import threads_per_worker, worker_pool
from lmreg.landmarks.base import LandmarkSource, SourceConfig, StandaloneScorer, draw_roles
from lmreg.landmarks.example_maps import EXAMPLES_FILE, write_examples
from lmreg.landmarks.records import SPLIT, Job, Records, training_protocol
from lmreg.landmarks.truth import MANIFEST, GatheredScores, Truth
from lmreg.selector.base import Selector
from lmreg.space.base import Arch
from lmreg.task.base import Score
from lmreg.util.files import require_keys
from lmreg.util.progress import Progress, format_duration, say

_POLL_SECONDS = 0.5
_ENOUGH_RECORDS = 8  # whose times give a better estimate than a trial does


@dataclass
class Config(SourceConfig):
    name: str = "train"
    seeds: int = option(
        1, min=1, help="S, stand-alone trainings per landmark, averaged; more landmarks help more than seeds"
    )
    pool_seeds: int = option(2, min=1, help="stand-alone trainings per pool architecture, averaged")
    score: str | None = option(
        None, help="score that orders them, such as loss or accuracy; null: the task's usual"
    )


class TrainSource(LandmarkSource):
    """Trains every architecture with every seed on the train split; a rerun does only missing trainings."""

    def __init__(self, config: Config):
        self.config = config

    def origin(self, study: Study) -> dict[str, Any]:
        return {"source": "train", "score": self._score_name(study)}

    def _score_name(self, study: Study) -> str:
        name = self.config.score or study.task.truth
        if name not in study.task.scores:
            raise LmregError(f"landmarks.score={name}: must be one of {', '.join(study.task.scores)}")
        return name

    def gather(self, study: Study, selector: Selector, folder: Path, workers: int) -> GatheredScores:
        config, space = self.config, study.space
        score_by = study.task.scores[self._score_name(study)]
        roles = draw_roles(study, selector, config, space.sample, space.sample)
        seeds = {"landmarks": config.seeds, "pool": config.pool_seeds}
        jobs = [Job(a, seed, role) for role in roles for seed in range(seeds[role]) for a in roles[role]]
        protocol = training_protocol(study)
        with Records.open(folder / "records", protocol) as records:
            done = _train_missing(jobs, study, records, workers)
            if study.task.dense:
                _write_pictures(folder, jobs, records, score_by, done)
        tables = {role: _table(study, [j for j in jobs if j.role == role], done) for role in roles}
        about = {
            "seed": study.options.seed,
            "trainings_per_architecture": seeds,
            "splits": SPLIT,
            "data_hash": study.data.hash,
            "protocol": protocol,
        }
        columns = dict.fromkeys(roles, score_by.column)
        higher = dict.fromkeys(roles, score_by.higher_is_better)
        return GatheredScores(tables, columns, higher, about)

    @classmethod
    def scorer(cls, study: Study, truth: Truth, folder: Path) -> StandaloneScorer:
        manifest, column = truth.manifest, truth.landmarks.column
        require_keys(manifest, {"protocol", "trainings_per_architecture"}, folder / MANIFEST)
        protocol, seeds = manifest["protocol"], manifest["trainings_per_architecture"]["landmarks"]
        alone = _by_protocol(protocol, study)
        with Records.open(folder / "records", protocol):
            pass  # to report errors in the folder before any work

        def score(archs: Sequence[Arch], count: int) -> pd.DataFrame:
            jobs = [Job(arch, seed, "landmarks") for seed in range(seeds) for arch in archs[:count]]
            if not jobs:
                return pd.DataFrame({"arch": [], column: [], f"{column}_se": []})
            with Records.open(folder / "records", protocol) as records:
                done = _train_missing(jobs, alone, records, workers=1)
            return _table(alone, jobs, done)[["arch", column, f"{column}_se"]]

        times = f", {seeds} times each" if seeds > 1 else ""
        return StandaloneScorer(score, f"trained stand-alone as the study's landmarks were{times}")


def _write_pictures(
    folder: Path, jobs: list[Job], records: Records, by: Score, done: dict[Job, dict[str, Any]]
) -> None:
    """Write the maps of the landmark trainings with the best and the worst score."""
    scores = {job: done[job]["scores"][by.column] for job in jobs if job.role == "landmarks"}
    ranked = sorted(scores, key=lambda job: by.sign * scores[job])
    shown = {"best": ranked[-1], "worst": ranked[0]}
    examples = {name: (records.maps_path(job), done[job]["arch"], scores[job]) for name, job in shown.items()}
    write_examples(folder / EXAMPLES_FILE, examples)


def _by_protocol(protocol: dict[str, Any], study: Study) -> Study:
    """Return ``study`` with the network, data augmentation and trainer of ``protocol``."""
    parts = {key: value for key, value in protocol.items() if key != "data_hash"}
    cfg = OmegaConf.create(parts)
    if study.cfg.data.get("path") is not None:
        cfg.data.path = study.cfg.data.path  # a protocol doesn't say where the data is stored
    return Study(cfg, study.options)


def _train_missing(
    jobs: list[Job], study: Study, records: Records, workers: int
) -> dict[Job, dict[str, Any]]:
    """Do the trainings that have no record yet; return the records of all jobs."""
    done = {job: record for job in jobs if (record := records.read(job))}
    missing = [job for job in jobs if job not in done]
    if done:
        say(f"{len(done)} of {len(jobs)} trainings are done already")
    if missing:
        announce_data(study.data)
        say(_outlook(study, missing, list(done.values()), workers))
    with Progress("stand-alone trainings", len(missing)) as progress:
        for job, record in train_all(missing, study, records, workers):
            done[job] = record
            shown = " ".join(f"{k} {v:.4g}" for k, v in record["scores"].items())
            progress.advance(f"{job.role}, seed {job.seed}: {shown}")
    # Read again from the folder, so that all processes that share it write the same tables even if there
    # are no locks and some trainings were done twice.
    return done | {job: record for job in jobs if (record := records.read(job))}


def train_all(
    jobs: Sequence[Job], study: Study, records: Records, workers: int
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Yield the record of every job as soon as it exists, whichever process trains it.

    Jobs that another process is training are skipped at first; at the end this process waits for them, and
    trains them itself if the other process dies.
    """
    waiting = False
    with worker_pool(study, workers, len(jobs)) as run:
        while jobs:
            elsewhere = []
            for job, record in run(records.make, jobs):
                if record is None:
                    elsewhere.append(job)
                else:
                    yield job, record
            if len(elsewhere) == len(jobs):
                if not waiting:
                    say(f"waiting for {len(jobs)} trainings that other processes are doing")
                waiting = True
                time.sleep(_POLL_SECONDS)
            jobs = elsewhere


def _outlook(study: Study, missing: list[Job], records: list[dict[str, Any]], workers: int) -> str:
    """Say how many trainings are to be done, where, and about how long they will take."""
    threads, workers = threads_per_worker(study, workers), min(workers, len(missing))
    known = [r["seconds"] for r in records if r.get("device") == study.device.type]
    seconds: float | None
    if len(known) >= _ENOUGH_RECORDS:
        seconds = float(np.mean(known)) * len(missing) / workers
    else:
        archs = [job.arch for job in missing]
        seconds = standalone_seconds(study, archs, workers, threads)
    time = f"; about {format_duration(seconds)}" if seconds else ""
    at_once = f", {workers} at a time" if workers > 1 else ""
    place = device_in_words(study.device, threads)
    data = f"{study.title} ({splits_in_words(study.data)})"
    return f"{len(missing)} trainings to do on {data}{at_once}; {place}{time}"


def _table(study: Study, jobs: list[Job], records: dict[Job, dict[str, Any]]) -> pd.DataFrame:
    """Return each architecture's mean score and standard error over seeds, its parameters and MACs."""
    rows = []
    for arch in dict.fromkeys(job.arch for job in jobs):
        mine = [records[job] for job in jobs if job.arch == arch]
        row: dict[str, Any] = {"arch": study.space.format(arch)}
        for column in mine[0]["scores"]:
            values = np.array([record["scores"][column] for record in mine])
            row[column] = values.mean()
            row[f"{column}_se"] = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
            row |= {f"{column}_s{r['seed']}": r["scores"][column] for r in mine if len(mine) > 1}
        row |= {"params": mine[0]["params"], "macs": mine[0]["macs"], "trainings": len(mine)}
        rows.append(row)
    return pd.DataFrame(rows)
