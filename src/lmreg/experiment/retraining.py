"""An architecture trained alone to be used: several seeds, and its scores on the test images."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from lmreg.config.arguments import word
from lmreg.config.identity import config_hash, is_of_retraining, read_config, require_config, result_config
from lmreg.config.values import resolved
from lmreg.errors import LmregError
from lmreg.experiment.result import device_name, versions
from lmreg.experiment.resumable import ResumableRun, Row, RunTraining
from lmreg.experiment.study import Study
from lmreg.network.base import SuperNet, track_statistics
from lmreg.rank.intervals import over_seeds
from lmreg.rank.scoring import score
from lmreg.space.base import Arch, Space
from lmreg.train import checkpoint
from lmreg.train.random_streams import derive
from lmreg.util.files import read_json, require_folder, write_json, write_table
from lmreg.util.progress import say
from lmreg.util.threads import threads_restored

SPLIT = "full"
"""All training images train the weights: nothing is left to be chosen."""

_TEST_BATCH = 500
_KEYS = frozenset({"space", "network", "data", "task", "trainer", "arch", "label_smoothing", "data_hash"})
RESULT_KEYS = frozenset({"arch", "trainings", "input", "config_hash", "data_hash"})


@dataclass(frozen=True)
class Recipe:
    """What is trained, and how, besides the study's parts."""

    arch: Arch
    label_smoothing: float
    seeds: Sequence[int]
    log_every: int = 50
    checkpoint_seconds: float = 30.0


class Retraining(ResumableRun):
    """The trainings of one architecture in their folder.

    The trainings of a folder differ only in the seed. The result covers all that are finished, whichever
    calls they come from: a call that asks for fewer seeds discards no evidence.

    The networks keep running statistics while they train, and are tested in eval mode: the scores are those
    of the exported network, whose outputs must not depend on the other images of a batch.
    """

    kind, remedy, config_keys = "a retraining", "folder=<new name>", _KEYS
    changes_in_words: ClassVar = {"data_hash": "the images or splits have changed since"}

    def __init__(self, study: Study, recipe: Recipe, folder: Path, origin: Mapping[str, Any]):
        """``origin`` says where the architecture comes from, for ``result.json``. Raises LmregError if there
        are no labels to smooth."""
        self._study, self._recipe, self._origin = study, recipe, dict(origin)
        self._task = study.task.smoothed(recipe.label_smoothing) if recipe.label_smoothing else study.task
        own = retraining_config(study.cfg, recipe.arch, recipe.label_smoothing, study.space)
        super().__init__(folder, own | {"data_hash": study.data.hash}, study.runtime)
        self._written = self.config
        self._hash = config_hash(self.config)

    def left(self) -> list[int]:
        """Return the seeds of the recipe whose training isn't finished. Raises LmregError if the folder holds
        the trainings of another configuration."""
        there = self.config_there()
        if there is not None:
            # As it is written there: the folder's trainings bear the hash of that.
            self._written = resolved(there)
            self._written["data"].pop("path", None)
            self._hash = config_hash(self._written)
        finished = {record["seed"] for record in self._finished()}
        return [seed for seed in self._recipe.seeds if seed not in finished]

    def execute(self, confidence: float) -> dict[str, Any]:
        """Train what is left, write ``result.json`` last, and return its content."""
        result_file = self.folder / "result.json"
        with self.held():
            left = self.left()
            if not left and result_file.exists():
                say(f"{self.folder.name}: finished already: {seeds_in_words(self._recipe.seeds)}")
            path = self._study.cfg.data.get("path")
            data = self._written["data"] | ({} if path is None else {"path": path})
            self.write_config(self._written | {"data": data})
            for seed in left:
                with threads_restored():
                    self._train(seed)
                if result_file.exists():  # of an earlier call with fewer seeds
                    write_json(result_file, self._result(confidence))
            result = self._result(confidence)
            write_json(result_file, result)
        return result

    def _train(self, seed: int) -> None:
        """Train and test with one seed; the record that the training is finished is written last."""
        study, recipe, start = self._study, self._recipe, time.monotonic()
        training = study.standalone_training(recipe.arch, derive(seed, "retrain"), SPLIT, self._task)
        track_statistics(training.ctx.net)
        name, file = f"{self.folder.name}, seed {seed}", self.folder / f"checkpoint-s{seed}.pt"
        work = RunTraining(
            training, name, f"seed {seed}", file, self._hash, lambda: self._write_rows({seed: training.rows})
        )
        self.resume(work)
        self.train(work, recipe.log_every, recipe.checkpoint_seconds)
        net = training.ctx.net
        scores = self._test(net)
        if not np.isfinite(list(scores.values())).all():
            raise LmregError(f"{work.name}: the training diverged; lower trainer.lr, delete {self.folder}")
        checkpoint.save(self.weights(self.folder, seed), net.state_dict(), self._hash)
        record = {
            "seed": seed,
            **scores,
            "steps": training.ctx.total_steps,
            "train_seconds_this_session": round(time.monotonic() - start, 1),
            "device": device_name(study.device),
            "config_hash": self._hash,
            "rows": training.rows,
        }
        write_json(self._record(seed), record)
        self._write_rows({})
        work.checkpoint_file.unlink(missing_ok=True)

    def _write_rows(self, running: Mapping[int, list[Row]]) -> None:
        """Write ``metrics.csv``: the figures of finished trainings and, by seed, of ``running`` ones."""
        rows = {record["seed"]: record["rows"] for record in self._finished()} | dict(running)
        table = [{"seed": seed} | row for seed in sorted(rows) for row in rows[seed]]
        write_table(self.folder / "metrics.csv", pd.DataFrame(table))

    def _test(self, net: SuperNet) -> dict[str, float]:
        """Return its scores on all test images, normalised by the running statistics."""
        study = self._study
        batches = study.data.split("test").scoring_batches(_TEST_BATCH)
        table = score(net.eval(), study.task, [self._recipe.arch], batches)
        return {s.column: float(table[s.column].iloc[0]) for s in study.task.scores.values()}

    def _result(self, confidence: float) -> dict[str, Any]:
        """Return the content of ``result.json``."""
        study, recipe, data = self._study, self._recipe, self._study.data
        records = self._finished()
        hidden = {"rows", "config_hash"}
        trainings = [{key: value for key, value in r.items() if key not in hidden} for r in records]
        columns = [s.column for s in study.task.scores.values()]
        return {
            **self._origin,
            "arch": self.config["arch"],
            "space": study.space.name,
            **study.cost(recipe.arch),
            "test": {c: over_seeds([record[c] for record in records], confidence) for c in columns},
            "trainings": trainings,
            "images": {SPLIT: len(data.split(SPLIT)), "test": data.sizes["test"]},
            "input": self._input(),
            "label_smoothing": recipe.label_smoothing,
            "data_hash": data.hash,
            "config_hash": self._hash,
            "versions": versions(),
        }

    def _input(self) -> dict[str, Any]:
        """Return what is needed to give images to the networks as the training did."""
        data = self._study.data
        samples = data.sample_range and list(data.sample_range)
        classes = list(data.classes)
        return {**vars(data.shape), **data.normalisation, "sample_range": samples, "classes": classes}

    @staticmethod
    def weights(folder: Path, seed: int) -> Path:
        """Return the file of trained weights, see `lmreg.train.checkpoint`."""
        return folder / f"weights-s{seed}.pt"

    def _finished(self) -> list[dict[str, Any]]:
        """Return the records of all finished trainings in the folder, by seed. Raises LmregError if one
        belongs to another configuration."""
        found = {path: read_json(path, {"seed", "rows"}) for path in self.folder.glob(self._record("*").name)}
        for path, record in found.items():
            if record.get("config_hash", self._hash) != self._hash:
                raise LmregError(
                    f"{path} is a training with another configuration; pass folder=<new name>, or delete it"
                )
        return sorted(found.values(), key=lambda record: record["seed"])

    def _record(self, seed: int | str) -> Path:
        return self.folder / f"training-s{seed}.json"


def retraining_config(cfg: DictConfig, arch: Arch, label_smoothing: float, space: Space) -> dict[str, Any]:
    """Return what determines the result of a retraining, except for the images and the seed."""
    config = result_config(cfg)
    parts = {key: config[key] for key in ("space", "network", "data", "task", "trainer")}
    return parts | {"arch": space.format(arch), "label_smoothing": label_smoothing}


def is_retraining(there: dict[str, Any], config: dict[str, Any]) -> bool:
    """Return whether the ``config.yaml`` ``there`` has that `retraining_config`, whatever the images are."""
    return result_config(there) == config | {"data_hash": there.get("data_hash")}


def seeds_in_words(seeds: Sequence[int]) -> str:
    """Return, for example, ``seed 0`` or ``seeds 0, 1, 2``."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def read_retraining(folder: Path) -> tuple[DictConfig, dict[str, Any]]:
    """Return config and result of the retraining in ``folder``. Raises LmregError if there is none, or it
    isn't finished."""
    require_folder(folder, "a retraining is <root>/<study>/retrain/<name>")
    described = folder / "config.yaml"
    if not described.exists():
        raise LmregError(f"{folder} is not the folder of a retraining; 'lmreg retrain' makes one")
    config = read_config(described, frozenset())
    if not is_of_retraining(config):
        raise LmregError(
            f"{folder} is the folder of a search; 'lmreg retrain {word('run', folder)}' comes first"
        )
    if not (folder / "result.json").exists():
        raise LmregError(f"{folder.name} is not finished; its retrain command goes on with it")
    require_config(config, described, _KEYS)
    return config, read_json(folder / "result.json", RESULT_KEYS)
