"""An architecture trained alone to be used: several seeds, exact resume, what it does on test images."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig, OmegaConf

from lmreg.config.arguments import word
from lmreg.config.identity import (
    config_hash,
    differences,
    is_of_retraining,
    read_config,
    require_config,
    result_config,
)
from lmreg.config.values import resolved, settled
from lmreg.errors import LmregError
from lmreg.experiment.result import device_name, versions
from lmreg.experiment.study import Study, as_begun, go_on_as_begun, same_threads_after
from lmreg.network.base import SuperNet, track_statistics
from lmreg.rank.intervals import over_seeds
from lmreg.rank.scoring import score
from lmreg.space.base import Arch, Space
from lmreg.train import checkpoint
from lmreg.train.checkpointed_steps import figures, saved_steps
from lmreg.train.random_streams import Streams, derive
from lmreg.train.signals import StopRequest
from lmreg.train.standalone import standalone_training
from lmreg.train.training import Training
from lmreg.util.files import read_json, require_folder, write_atomically, write_json, write_table
from lmreg.util.locks import locked
from lmreg.util.progress import Progress, say

SPLIT = "full"
"""Nothing is left to be chosen: all training images fit the weights."""

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


class Retraining:
    """The trainings of one architecture in their folder; what was interrupted goes on where it stopped.

    A folder's trainings differ in nothing but the seed. The result is of all that are finished, whichever
    calls they are of: one that asks for fewer seeds takes no evidence away.

    The networks keep running statistics while they train, and are tested in eval mode: the figures are
    those of the network that is exported, which must not depend on what else is in a batch.
    """

    def __init__(self, study: Study, recipe: Recipe, folder: Path, origin: Mapping[str, Any]):
        """
        Args:
            origin: where the architecture is from, for ``result.json``.

        Raises:
            LmregError: the task has no labels that could be smoothed.
        """
        self._study, self._recipe, self.folder, self._origin = study, recipe, folder, dict(origin)
        self._task = study.task.smoothed(recipe.label_smoothing) if recipe.label_smoothing else study.task
        own = retraining_config(study.cfg, recipe.arch, recipe.label_smoothing, study.space)
        self._config = self._written = own | {"data_hash": study.data.hash}
        self._hash = config_hash(self._config)

    def left(self) -> list[int]:
        """The recipe's seeds whose training isn't finished.

        Raises:
            LmregError: the folder holds the trainings of another configuration.
        """
        described = self.folder / "config.yaml"
        if described.exists():
            before = read_config(described, _KEYS)
            changed = [
                "the images or splits have changed since" if "data_hash" in line else line
                for line in differences(result_config(settled(before)), self._config)
            ]
            if changed:
                raise LmregError(
                    f"{self.folder} holds a retraining with another configuration ({'; '.join(changed)}); "
                    "pass folder=<new name>, or delete that folder"
                )
            # As it is written there, since the folder's trainings bear the hash of that.
            self._written = resolved(before)
            self._written["data"].pop("path", None)
            self._hash = config_hash(self._written)
        finished = {record["seed"] for record in self._finished()}
        return [seed for seed in self._recipe.seeds if seed not in finished]

    def execute(self, confidence: float) -> dict[str, Any]:
        """Train what is left, and write the result last; its content."""
        with locked(self.folder):
            left = self.left()
            if not left and (self.folder / "result.json").exists():
                asked = seeds_in_words(self._recipe.seeds)
                say(f"{self.folder.name}: finished already: {asked}")
            self._describe()
            for seed in left:
                with same_threads_after():
                    self._train(seed)
                if (self.folder / "result.json").exists():  # of an earlier call, of fewer seeds
                    write_json(self.folder / "result.json", self._result(confidence))
            result = self._result(confidence)
            write_json(self.folder / "result.json", result)
        return result

    def _describe(self) -> None:
        config = OmegaConf.create(self._written)
        if (path := self._study.cfg.data.get("path")) is not None:
            config.data.path = path
        text = OmegaConf.to_yaml(config)
        write_atomically(self.folder / "config.yaml", lambda file: file.write(text.encode()))

    def _train(self, seed: int) -> None:
        """Train and test with one seed; the record that says so is written last."""
        study, recipe, start = self._study, self._recipe, time.monotonic()
        training = self._training(seed)
        ctx, name = training.ctx, f"{self.folder.name}, seed {seed}"
        with StopRequest() as stop:
            steps = saved_steps(
                name,
                training,
                recipe.log_every,
                recipe.checkpoint_seconds,
                lambda: self._save(training, seed),
                stop,
            )
            with Progress(f"seed {seed}", ctx.total_steps, ctx.step) as progress:
                for logged in steps:
                    progress.advance(figures(training.rows[-1]) if logged else None)
        scores = self._test(ctx.net)
        if not np.isfinite(list(scores.values())).all():
            raise LmregError(f"{name}: the training diverged; lower trainer.lr, delete {self.folder}")
        checkpoint.save(self.weights(self.folder, seed), ctx.net.state_dict(), self._hash)
        record = {
            "seed": seed,
            **scores,
            "steps": ctx.total_steps,
            "train_seconds_this_session": round(time.monotonic() - start, 1),
            "device": device_name(study.device),
            "config_hash": self._hash,
            "rows": training.rows,
        }
        write_json(self._record(seed), record)
        self._write_rows()
        self._checkpoint(seed).unlink(missing_ok=True)

    def _training(self, seed: int) -> Training:
        study, recipe = self._study, self._recipe
        stream = derive(seed, "retrain")
        net = study.standalone(recipe.arch, stream)
        track_statistics(net)
        streams = Streams(stream, study.device)
        training = standalone_training(
            net, recipe.arch, study.space, self._task, study.data, streams, study.trainer, SPLIT
        )
        if (saved := self._checkpoint(seed)).exists():
            keys = training.state_dict().keys() | as_begun(study).keys()
            state = checkpoint.load(saved, self._hash, study.device, keys)
            go_on_as_begun(study, self.folder, state)
            training.load_state_dict(state)
            say(f"seed {seed}: resuming at step {training.ctx.step} of {training.ctx.total_steps}")
        return training

    def _save(self, training: Training, seed: int) -> None:
        state = training.state_dict() | as_begun(self._study)
        checkpoint.save(self._checkpoint(seed), state, self._hash)
        self._write_rows({seed: training.rows})

    def _write_rows(self, now: Mapping[int, list[dict[str, float]]] | None = None) -> None:
        """``metrics.csv``: the figures of finished trainings and of those that are at work ``now``."""
        rows = {record["seed"]: record["rows"] for record in self._finished()} | dict(now or {})
        table = [{"seed": seed} | row for seed in sorted(rows) for row in rows[seed]]
        write_table(self.folder / "metrics.csv", pd.DataFrame(table))

    def _test(self, net: SuperNet) -> dict[str, float]:
        """Its scores on all test images, by their statistics of training."""
        study = self._study
        batches = study.data.split("test").scoring_batches(_TEST_BATCH)
        table = score(net.eval(), study.task, [self._recipe.arch], batches)
        return {s.column: float(table[s.column].iloc[0]) for s in study.task.scores.values()}

    def _result(self, confidence: float) -> dict[str, Any]:
        study, recipe = self._study, self._recipe
        records = self._finished()
        hidden = {"rows", "config_hash"}
        trainings = [{key: value for key, value in r.items() if key not in hidden} for r in records]
        columns = [s.column for s in study.task.scores.values()]
        data = study.data
        return {
            **self._origin,
            "arch": self._config["arch"],
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
        """What is to be known of images to give them to the networks as training did."""
        data = self._study.data
        samples = data.sample_range and list(data.sample_range)
        return {
            **vars(data.shape),
            **data.normalisation,
            "sample_range": samples,
            "classes": list(data.classes),
        }

    @staticmethod
    def weights(folder: Path, seed: int) -> Path:
        """The file of trained weights, see `lmreg.train.checkpoint`."""
        return folder / f"weights-s{seed}.pt"

    def _finished(self) -> list[dict[str, Any]]:
        """The records of all trainings in the folder that are finished, by seed.

        Raises:
            LmregError: one is of another configuration.
        """
        found = {path: read_json(path, {"seed", "rows"}) for path in self.folder.glob(self._record("*").name)}
        for path, record in found.items():
            if record.get("config_hash", self._hash) != self._hash:
                raise LmregError(
                    f"{path} is a training with another configuration; pass folder=<new name>, or delete it"
                )
        return sorted(found.values(), key=lambda record: record["seed"])

    def _record(self, seed: int | str) -> Path:
        return self.folder / f"training-s{seed}.json"

    def _checkpoint(self, seed: int) -> Path:
        return self.folder / f"checkpoint-s{seed}.pt"


def retraining_config(cfg: DictConfig, arch: Arch, label_smoothing: float, space: Space) -> dict[str, Any]:
    """What determines a retraining's result, but for the images and the seed."""
    config = result_config(cfg)
    parts = {key: config[key] for key in ("space", "network", "data", "task", "trainer")}
    return parts | {"arch": space.format(arch), "label_smoothing": label_smoothing}


def is_retraining(there: dict[str, Any], config: dict[str, Any]) -> bool:
    """Whether ``there``, a folder's ``config.yaml``, is of that `retraining_config`, on whatever images."""
    return result_config(there) == config | {"data_hash": there.get("data_hash")}


def seeds_in_words(seeds: Sequence[int]) -> str:
    """``seed 0``; ``seeds 0, 1, 2``."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def read_retraining(folder: Path) -> tuple[DictConfig, dict[str, Any]]:
    """Config and result of the retraining in ``folder``.

    Raises:
        LmregError: there is none, or it isn't finished.
    """
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
