"""Landmarks and pool trained stand-alone, one small record per architecture and seed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from omegaconf import OmegaConf

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.files import read_json, write_json
from lmreg.landmarks.base import LandmarkSource, Scored, SourceConfig, draw_roles
from lmreg.machine import usable_cores
from lmreg.progress import Progress
from lmreg.rank.score import score
from lmreg.space.base import Arch
from lmreg.streams import Streams, derive
from lmreg.study import Options, Study, config_hash, differences, refuse_changes, result_config
from lmreg.train.standalone import train_standalone

_SPLIT = {"landmarks": "rank", "pool": "test"}
"""What scores a role: the regulariser's own split orders the landmarks, so neither the score split
nor the test images ever reach the super-net; test images are only the truth of the pool."""

_SCORING_BATCH = 500


@dataclass
class Config(SourceConfig):
    seeds: int = option(1, min=1, help="S, stand-alone trainings per landmark, their scores averaged")
    pool_seeds: int = option(2, min=1, help="stand-alone trainings per pool architecture")
    score: str | None = option(None, help="what orders them: a score of the task; null for its usual one")


@dataclass(frozen=True)
class Job:
    """One stand-alone training."""

    arch: Arch
    seed: int
    role: str

    def path(self, folder: Path) -> Path:
        return folder / "records" / f"{self.arch.id}-s{self.seed}.json"


class TrainSource(LandmarkSource):
    """Trains every architecture with every seed on the train split; a rerun trains what is missing."""

    def __init__(self, config: Config):
        self.config = config

    def origin(self, study: Study) -> dict[str, Any]:
        return {"source": "train", "score": self._score_name(study)}

    def _score_name(self, study: Study) -> str:
        name = self.config.score or study.task.truth
        if name not in study.task.scores:
            raise LmregError(f"landmarks.score={name}: must be one of {', '.join(study.task.scores)}")
        return name

    def gather(self, study: Study, folder: Path, workers: int) -> Scored:
        config, space = self.config, study.space
        score_by = study.task.score(self._score_name(study))
        roles = draw_roles(space, study.options.seed, config.count, config.pool, space.sample, space.sample)
        protocol = _protocol(study)
        _check_protocol(folder / "records" / "protocol.json", protocol, folder)
        seeds = {"landmarks": config.seeds, "pool": config.pool_seeds}
        jobs = [Job(a, seed, role) for role in roles for seed in range(seeds[role]) for a in roles[role]]
        records = {job: r for job in jobs if (r := _read_record(job, folder, config_hash(protocol)))}
        missing = [job for job in jobs if job not in records]
        if records:
            print(f"{len(records)} of {len(jobs)} trainings are done already")
        with Progress("stand-alone trainings", len(missing)) as progress:
            for job, record in _train_all(missing, study, folder, workers, config_hash(protocol)):
                records[job] = record
                shown = " ".join(f"{k} {v:.4g}" for k, v in record["scores"].items())
                progress.advance(f"{job.role}, seed {job.seed}: {shown}")
        tables = {role: _table(study, [j for j in jobs if j.role == role], records) for role in roles}
        about = {
            "seed": study.options.seed,
            "trainings_per_architecture": seeds,
            "splits": _SPLIT,
            "data_hash": study.data.hash,
            "protocol": protocol,
        }
        return Scored(tables, dict.fromkeys(roles, score_by.column), score_by.higher_is_better, about)


def _protocol(study: Study) -> dict[str, Any]:
    """What all records of a folder must share."""
    config = result_config(study.cfg)
    parts = {key: config[key] for key in ("space", "network", "data", "task", "trainer")}
    return parts | {"data_hash": study.data.hash}


def _check_protocol(path: Path, protocol: dict[str, Any], folder: Path) -> None:
    if not path.exists():
        write_json(path, protocol)
        return
    refuse_changes(folder, "trainings of another protocol", differences(read_json(path), protocol))


def _read_record(job: Job, folder: Path, protocol: str) -> dict[str, Any] | None:
    """The record of ``job`` where it is there and whole; a torn or foreign one counts as missing."""
    try:
        record = json.loads(job.path(folder).read_text())
        valid = record["protocol"] == protocol and record["split"] == _SPLIT[job.role]
        return record if valid and all(np.isfinite(v) for v in record["scores"].values()) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _table(study: Study, jobs: list[Job], records: dict[Job, dict[str, Any]]) -> pd.DataFrame:
    """Mean score and standard error over seeds per architecture, with parameters and MACs."""
    rows = []
    for arch in dict.fromkeys(job.arch for job in jobs):
        mine = [records[job] for job in jobs if job.arch == arch]
        row: dict[str, Any] = {"arch": study.space.format(arch)}
        for column in mine[0]["scores"]:
            values = np.array([record["scores"][column] for record in mine])
            row[column] = values.mean()
            row[f"{column}_se"] = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        row |= {"params": mine[0]["params"], "macs": mine[0]["macs"], "trainings": len(mine)}
        rows.append(row)
    return pd.DataFrame(rows)


def train_one(study: Study, job: Job, folder: Path, protocol: str) -> dict[str, Any]:
    """Train, score and record one job."""
    start = time.monotonic()
    # One seed shows all architectures the same batches in the same order: luck that they share
    # doesn't change their ranking. No super-net draws from the same streams.
    seed = derive(job.seed, "standalone")
    net = study.standalone(job.arch, seed)
    streams = Streams(seed, study.device)
    train_standalone(net, job.arch, study.space, study.task, study.data, streams, study.trainer)
    batches = study.data.split(_SPLIT[job.role]).scoring_batches(_SCORING_BATCH)
    table = score(net, study.task, [job.arch], batches)
    if not np.isfinite(table.to_numpy()).all():
        raise LmregError(f"the training of {study.space.format(job.arch)} diverged; lower trainer.lr")
    record = {
        "arch": study.space.format(job.arch),
        "seed": job.seed,
        "split": _SPLIT[job.role],
        "scores": {s.column: float(table[s.column].iloc[0]) for s in study.task.scores.values()},
        **study.cost(job.arch),
        "protocol": protocol,
        "seconds": round(time.monotonic() - start, 2),
        "torch": torch.__version__,
        "device": study.device.type,
    }
    write_json(job.path(folder), record)
    return record


def _train_all(
    jobs: list[Job], study: Study, folder: Path, workers: int, protocol: str
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Train all jobs, yielding each as it is done; the cores are shared out among the workers."""
    # From the workers asked for, whatever is still missing: the number of threads can change sums
    # in their last digits, and a rerun must give what an undisturbed run gives.
    threads = study.options.threads or max(1, usable_cores() // workers)
    if workers == 1 or len(jobs) <= 1:
        torch.set_num_threads(threads)
        for job in jobs:
            yield job, train_one(study, job, folder, protocol)
        return
    plain: Any = OmegaConf.to_container(study.cfg, resolve=True)
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(plain, study.options, threads),
    )
    try:
        # Ctrl-C in a terminal reaches the workers too; stopping them is for this process to do.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        futures = {pool.submit(_work, job, folder, protocol): job for job in jobs}
        signal.signal(signal.SIGINT, handler)
        for future in as_completed(futures):
            try:
                result = future.result()
            except BrokenProcessPool as error:
                raise LmregError(
                    "a worker process died (out of memory?); finished trainings are kept, "
                    "run the same command again, perhaps with fewer workers"
                ) from error
            yield futures[future], result
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    else:
        pool.shutdown()


_study: Study | None = None


def _start_worker(plain: dict[str, Any], options: Options, threads: int) -> None:
    def follow_parent() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
        os._exit(1)

    # A killed parent can't tell its workers; they must not go on without it.
    threading.Thread(target=follow_parent, daemon=True).start()
    global _study
    torch.set_num_threads(threads)
    _study = Study(OmegaConf.create(plain), options)


def _work(job: Job, folder: Path, protocol: str) -> dict[str, Any]:
    assert _study is not None
    return train_one(_study, job, folder, protocol)
