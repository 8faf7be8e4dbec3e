"""The folder of stand-alone trainings: one small file per training, written by any number of processes."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lmreg.config.identity import config_hash, differences, refuse_changes, result_config
from lmreg.errors import LmregError
from lmreg.experiment.study import Study
from lmreg.landmarks.example_maps import save_maps
from lmreg.rank.scoring import score
from lmreg.space.base import Arch
from lmreg.train.random_streams import derive
from lmreg.util.files import read_json, write_json
from lmreg.util.locks import claimed, clear_abandoned, no_empty_folder

SPLIT = {"landmarks": "rank", "pool": "test"}
"""The split that scores each role. The regulariser's own split orders the landmarks, so that neither the
score split nor the test images ever reach the super-net; test images only give the truth of the pool."""

_SCORING_BATCH = 500


@dataclass(frozen=True)
class Job:
    """One stand-alone training."""

    arch: Arch
    seed: int
    role: str


def training_protocol(study: Study) -> dict[str, Any]:
    """Return the protocol that all records of a folder share: everything in the config that affects them."""
    config = result_config(study.cfg)
    parts = {key: config[key] for key in ("space", "network", "data", "task", "trainer")}
    parts["network"] = {k: v for k, v in parts["network"].items() if k not in study.of_supernet_only}
    return parts | {"data_hash": study.data.hash}


@dataclass(frozen=True)
class Records:
    """The records in ``folder`` whose ``protocol`` has this hash; others count as missing."""

    folder: Path
    protocol: str

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path, protocol: dict[str, Any]) -> Iterator[Records]:
        """Open the folder, creating it if necessary; at the end, remove leftovers of killed processes. A
        folder with trainings of another protocol raises LmregError."""
        described = folder / "protocol.json"
        with no_empty_folder(folder):
            # Claimed, so that two processes with different protocols can't both start the folder.
            with claimed(described, wait=True):
                if described.exists():
                    before = read_json(described)
                    changed = [
                        "the images or splits have changed since" if "data_hash" in line else line
                        for line in differences(result_config(before), result_config(protocol))
                    ]
                    refuse_changes(folder.parent, "trainings of another protocol", changed)
                    protocol = before  # as spelt then, as the trainings carry the hash of that spelling
                else:
                    write_json(described, protocol)
            try:
                yield cls(folder, config_hash(protocol))
            finally:
                clear_abandoned(folder)
                with claimed(described, wait=True):
                    if not any(described.name not in path.name for path in folder.iterdir()):
                        described.unlink(missing_ok=True)  # no training follows this protocol

    def path(self, job: Job) -> Path:
        return self.folder / f"{job.arch.id}-s{job.seed}.json"

    def read(self, job: Job) -> dict[str, Any] | None:
        """Return the record of ``job``, or None if it is missing, damaged or of another protocol."""
        try:
            record = json.loads(self.path(job).read_text(encoding="utf-8"))
            valid = record["protocol"] == self.protocol and record["split"] == SPLIT[job.role]
            return record if valid and all(np.isfinite(v) for v in record["scores"].values()) else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def make(self, study: Study, job: Job) -> dict[str, Any] | None:
        """Return the record of ``job``: trained now, or read if another process has finished it meanwhile;
        None while another process is training it."""
        with claimed(self.path(job)) as mine:
            if not mine:
                return None
            record = self.read(job)
            if record is None:
                record = self._train(study, job) | {"protocol": self.protocol}
                write_json(self.path(job), record)
            return record

    def maps_path(self, job: Job) -> Path:
        """Return the file of the maps that a landmark of a dense task predicts, see `example_maps`."""
        return self.path(job).with_suffix(".npz")

    def _train(self, study: Study, job: Job) -> dict[str, Any]:
        """Train and score one job."""
        start = time.monotonic()
        # With the same seed, all architectures see the same batches in the same order: luck that they share
        # doesn't change their ranking. No super-net draws from these streams.
        training = study.standalone_training(job.arch, derive(job.seed, "standalone"))
        training.run()
        net = training.ctx.net
        batches = study.data.split(SPLIT[job.role]).scoring_batches(_SCORING_BATCH)
        table = score(net, study.task, [job.arch], batches)
        if not np.isfinite(table.to_numpy()).all():
            raise LmregError(f"the training of {study.space.format(job.arch)} diverged; lower trainer.lr")
        if study.task.dense and job.role == "landmarks":
            save_maps(self.maps_path(job), net, study.task, job.arch, batches[0])
        return {
            "arch": study.space.format(job.arch),
            "seed": job.seed,
            "split": SPLIT[job.role],
            "scores": {s.column: float(table[s.column].iloc[0]) for s in study.task.scores.values()},
            **study.cost(job.arch),
            "seconds": round(time.monotonic() - start, 2),
            "torch": torch.__version__,
            "device": study.device.type,
        }
