"""NAS-Bench-101 as published: a TFRecord file with one record per training.

A record is the JSON list [module hash, epochs, adjacency, operations, metrics]; the metrics are a protocol
buffer in base64. Source: github.com/google-research/nasbench, `api.py` and `lib/model_metrics.proto`.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lmreg.benchmark.base import PERCENT_DIGITS, Benchmark, Imported, size_note
from lmreg.benchmark.tfrecord import record_blocks
from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.space.nasbench101 import NASBench101
from lmreg.util.progress import Progress

CELLS = 423_624
"""Number of cells of the published benchmark."""
_FINAL = 2  # index of the last evaluation; others are at the start and half-way
_EVALUATIONS, _PARAMETERS = 1, 2  # field numbers of ModelMetrics
_FIELDS = {"training time": 2, "train accuracy": 3, "validation accuracy": 4, "test accuracy": 5}
_SCORES = {"train": 1, "valid": 2, "test": 3}  # columns of the values collected
_MB = 1_000_000


@dataclass
class Config:
    name: str = "nasbench101"
    epochs: int = option(
        108, min=1, help="length of the trainings in epochs; nasbench_full.tfrecord also has 4, 12 and 36"
    )


class NASBench101File(Benchmark):
    """nasbench_only108.tfrecord (499 MB) or nasbench_full.tfrecord, read without TensorFlow.

    Records are read one by one, so that memory is needed only for the table. All checksums are verified, as
    is each cell's hash against the one that its records are filed under.
    """

    space = "nasbench101"

    def __init__(self, config: Config):
        self.config = config

    def read(self, path: Path) -> Imported:
        cells, others = _Cells(), Counter[int]()
        for number, record in enumerate(_contents(path), 1):
            where = f"{path}, record {number}"
            training = _training(record, where)
            if training.epochs == self.config.epochs:
                cells.add(training, where)
            else:
                others[training.epochs] += 1
        if not cells.texts:
            raise LmregError(
                f"{path} has no trainings of {self.config.epochs} epochs; set benchmark.epochs to one of: "
                + ", ".join(map(str, sorted(others)))
            )
        notes = [f"{len(cells.rows):,} trainings of {len(cells.texts):,} cells"]
        if others:
            lengths = ", ".join(map(str, sorted(others)))
            notes.append(f"{others.total():,} trainings of {lengths} epochs are skipped")
        notes += size_note(CELLS, len(cells.texts), "cells")
        return Imported(cells.table(), ("valid_acc_percent", "test_acc_percent"), tuple(notes))


def _contents(path: Path) -> Iterator[bytes]:
    """Yield the file's records and show the progress."""
    size = path.stat().st_size if path.is_file() else 0
    done, records = 0, 0
    with Progress(f"{path.name}, MB", math.ceil(size / _MB)) as progress:
        for block in record_blocks(path):
            yield from block
            shown = math.ceil(done / _MB)
            done += sum(len(record) + 16 for record in block)
            records += len(block)
            progress.advance(f"{records:,} records", math.ceil(done / _MB) - shown)


class _Training(NamedTuple):
    module_hash: str
    epochs: int
    cell: str
    values: tuple[float, ...]
    """In the order of `_FIELDS`: seconds, then accuracies in [0, 1]."""
    params: int


def _training(record: bytes, where: str) -> _Training:
    try:
        module_hash, epochs, adjacency, operations, metrics = json.loads(record)
        cell = f"{adjacency}|{operations.replace(',', '|')}"
        message = _message(base64.b64decode(metrics, validate=True))
        final = _message(message[_EVALUATIONS][_FINAL])
        values = tuple(float(final[field][-1]) for field in _FIELDS.values())
        training = _Training(str(module_hash), int(epochs), cell, values, int(message[_PARAMETERS][-1]))
    except (ValueError, TypeError, AttributeError, LookupError, struct.error):
        raise LmregError(
            f"{where}: not a training of NAS-Bench-101: expected a JSON list of hash, epochs, adjacency, "
            "operations and metrics with three evaluations"
        ) from None
    if not all(0 <= value <= 1 for value in values[1:]):
        raise LmregError(f"{where}: its accuracies {values[1:]} are not between 0 and 1")
    return training


def _message(data: bytes) -> dict[int, list[Any]]:
    """Return the values of a protocol buffer message by field number: integers, doubles or bytes. One that is
    malformed or truncated raises ValueError, IndexError or struct.error."""
    found: dict[int, list[Any]] = defaultdict(list)
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        field, wire_type = key >> 3, key & 7
        value: Any
        if wire_type == 0:
            value, at = _varint(data, at)
        elif wire_type == 1:
            (value,) = struct.unpack_from("<d", data, at)
            at += 8
        elif wire_type in (2, 5):
            length, at = _varint(data, at) if wire_type == 2 else (4, at)
            value, at = data[at : at + length], at + length
        else:
            raise ValueError(f"wire type {wire_type}")
        found[field].append(value)
    if at > len(data):
        raise ValueError("cut off")
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return an integer stored in groups of seven bits, the lowest first, and the position after it."""
    value = shift = 0
    while True:
        byte = data[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if byte < 0x80:
            return value, at


class _Cells:
    """Cells in the order of the file, and the values of their trainings."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.rows = array("q")
        self._values = array("d")
        self._params = array("q")
        self._row_of: dict[bytes, int] = {}
        self._space = NASBench101()

    def add(self, training: _Training, where: str) -> None:
        """Add a training; refuse one whose cell isn't in the space, or is filed under another cell's hash."""
        key = training.module_hash.encode()
        row = self._row_of.get(key)
        # Repeated trainings have the same matrix, so that the hash needn't be computed again.
        if row is None or self.texts[row] != training.cell:
            text = self._checked(training, where)
            if row is None:
                row = self._row_of[key] = len(self.texts)
                self.texts.append(text)
                self._params.append(training.params)
        self.rows.append(row)
        self._values.extend(training.values)

    def _checked(self, training: _Training, where: str) -> str:
        arch = self._space.read(training.cell, where)
        if (found := self._space.benchmark_key(arch)) != training.module_hash:
            raise LmregError(
                f"{where}: the cell {training.cell} is filed under {training.module_hash}, "
                f"its hash is {found}; the file is damaged or of another benchmark"
            )
        return self._space.format(arch)

    def table(self) -> pd.DataFrame:
        """Return one row per cell: means over trainings, standard errors, each training's scores, costs."""
        values = self._by_training()
        columns: dict[str, Any] = {"arch": self.texts}
        each: dict[str, np.ndarray] = {}
        for score in ("valid", "test"):
            name = f"{score}_acc_percent"
            percent = np.round(100 * values[:, :, _SCORES[score]], PERCENT_DIGITS)
            columns[name], columns[f"{name}_se"] = _mean_and_error(percent)
            each |= {f"{name}_seed{seed}": column for seed, column in enumerate(percent.T)}
        columns |= each
        columns["train_acc_percent"] = _mean_and_error(100 * values[:, :, _SCORES["train"]])[0]
        columns["train_seconds"] = _mean_and_error(values[:, :, 0])[0]
        columns["params"] = np.array(self._params)
        return pd.DataFrame(columns)

    def _by_training(self) -> np.ndarray:
        """Return the values, float64 [cells, most trainings per cell, fields], NaN if missing."""
        rows = np.array(self.rows)
        seeds = pd.Series(rows).groupby(rows).cumcount().to_numpy()
        values = np.full((len(self.texts), int(seeds.max()) + 1, len(_FIELDS)), np.nan)
        values[rows, seeds] = np.array(self._values).reshape(-1, len(_FIELDS))
        return values


def _mean_and_error(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means over the finite columns and their standard errors, NaN for a single value."""
    frame = pd.DataFrame(values)
    mean, error = frame.mean(axis=1), frame.sem(axis=1)
    return mean.round(PERCENT_DIGITS).to_numpy(), error.round(PERCENT_DIGITS).to_numpy()
