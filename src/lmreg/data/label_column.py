"""Reading a column of labels of any type as class numbers from 0 and class names."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import Any

import numpy as np

from lmreg.errors import LmregError

_ENOUGH_ROWS = 20
"""The number of rows from which labels that hardly repeat look like ids."""

_LARGEST = 2.0**53
"""The largest number up to which floating point represents every whole number."""


def read_label_column(column: Any, what: str, name: Callable[[int], str]) -> np.ndarray:
    """Return the labels of a chunked arrow column [n] as whole numbers or text (object); refuse a row without
    one.

    Args:
        what: the column in words, for messages.
        name: says where row i is stored.
    """
    import pyarrow as pa
    import pyarrow.types as kinds

    if isinstance(column.type, pa.DictionaryType):
        column = column.cast(column.type.value_type)
    kind = column.type

    def refuse(row: int, reason: str) -> LmregError:
        shown = reprlib.repr(column[row].as_py())
        return LmregError(f"{what} of {name(row)} is {shown}: {reason}")

    wanted = "a label must be a whole number or the name of a class"
    if column.null_count:
        raise refuse(int(np.flatnonzero(column.is_null().to_numpy())[0]), f"{wanted} in every row")
    if kinds.is_boolean(kind) or kinds.is_string(kind) or kinds.is_large_string(kind):
        labels = np.array([str(value) for value in column.to_pylist()], dtype=object)
        if len(blank := np.flatnonzero([not value.strip() for value in labels])):
            raise refuse(int(blank[0]), wanted)
        return labels
    if kinds.is_integer(kind):
        labels = np.asarray(column.to_numpy())
        if len(large := np.flatnonzero(labels > np.iinfo(np.int64).max)):
            raise refuse(int(large[0]), "too large for the number of a class")
        return labels
    if kinds.is_floating(kind) and len(column):
        numbers = column.to_numpy()
        broken = np.flatnonzero(~np.isfinite(numbers) | (numbers != np.floor(numbers)))
        if len(broken):
            raise refuse(int(broken[0]), wanted)
        if len(large := np.flatnonzero(np.abs(numbers) > _LARGEST)):
            raise refuse(int(large[0]), "too large for the number of a class, which must be exact")
        return np.asarray(numbers.astype(np.int64))
    if len(column):
        raise refuse(0, f"{wanted}, not of type {kind}; choose another column with data.label_column")
    return np.empty(0, np.int64)


def number_labels(
    train: np.ndarray, test: np.ndarray, names: tuple[str, ...] | None, what: str, name: Callable[[int], str]
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return the labels of both parts as int64 from 0, and the names of the classes.

    If the file has class ``names``, labels are already indices into them. Otherwise the sorted distinct
    labels are the classes, which leaves numbers from 0 without a gap unchanged; labels that look like ids,
    are negative, or that only the test part has are refused. ``what`` and ``name`` are as in
    `read_label_column`, rows counted through both parts.
    """
    if names is not None:
        return train.astype(np.int64), test.astype(np.int64), names
    if train.dtype != test.dtype and object in (train.dtype, test.dtype):
        raise LmregError(
            f"{what} of {name(0)} is {_shown(train[0])}, but of {name(len(train))} {_shown(test[0])}; both "
            "parts must have the same classes"
        )
    values = np.unique(train)
    if len(values) == 1:
        raise LmregError(
            f"{what} of {name(0)} and of every other training row is {_shown(values[0])}: all training "
            f"images are of one class ({values[0]}); at least two are needed"
        )
    if len(train) >= _ENOUGH_ROWS and 2 * len(values) > len(train):
        raise LmregError(
            f"{what} has {len(values):,} different values in {len(train):,} training rows ({values[0]}, "
            f"{values[1]}, ...), which look like ids, not like classes; choose another with data.label_column"
        )
    if values.dtype != object and values[0] < 0 and values.tolist() != [-1, 1]:
        row = int(np.flatnonzero(train < 0)[0])
        raise LmregError(
            f"{what} of {name(row)} is {train[row]}: a label must not be below 0 (except -1 and 1 for two "
            "classes); remove such rows"
        )
    if len(unknown := np.flatnonzero(~np.isin(test, values))):
        row = int(unknown[0])
        raise LmregError(
            f"{what} of {name(len(train) + row)} is {_shown(test[row])}, which no training row has; both "
            "parts must have the same classes"
        )
    parts = (np.searchsorted(values, labels).astype(np.int64) for labels in (train, test))
    return (*parts, tuple(map(str, values)))  # type: ignore[return-value]


def _shown(label: Any) -> str:
    return reprlib.repr(label.item() if isinstance(label, np.generic) else label)
