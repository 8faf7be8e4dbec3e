"""Reading a table's column of pictures that are stored as bytes, text, or numbers."""

from __future__ import annotations

import base64
import binascii
import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lmreg.errors import LmregError

_CHANNELS = (1, 3, 4)


def read_picture_column(column: Any, what: str, name: Callable[[int], str], folder: Path | None) -> list[Any]:
    """Return each row's picture: its encoded bytes, its path, or an array of numbers [height, width] or
    [height, width, channels]; refuse a row without one.

    Args:
        column: a chunked arrow array.
        what: the column in words, for messages.
        name: says where row i is stored.
        folder: the folder of the table's files, which relative paths of pictures may start from.
    """
    import pyarrow as pa
    import pyarrow.types as kinds

    if isinstance(column.type, pa.BaseExtensionType):  # an array type of the library `datasets`
        column = pa.chunked_array([c.storage for c in column.chunks], column.type.storage_type)
    kind = column.type
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise LmregError(f"{name(row)} has no image in {what}")
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        return _arrays(column, what, name)
    if kinds.is_struct(kind) and {field.name for field in kind} & {"bytes", "path"}:
        cells = [cell.get("bytes") or cell.get("path") for cell in column.to_pylist()]
    elif kinds.is_binary(kind) or kinds.is_large_binary(kind) or kinds.is_fixed_size_binary(kind):
        cells = column.to_pylist()
    elif kinds.is_string(kind) or kinds.is_large_string(kind):
        cells = [_encoded(text) for text in column.to_pylist()]
    else:
        first = name(0) if len(column) else "no row"
        raise LmregError(
            f"{what} of {first} has no image, but a value of type {kind}; choose another with "
            "data.image_column"
        )
    for row, cell in enumerate(cells):
        if not cell:
            raise LmregError(f"{name(row)} has no image in {what}")
        if isinstance(cell, str):
            cells[row] = _located(cell, what, name(row), folder)
    return cells


def _encoded(text: str) -> str | bytes:
    """Return the bytes of a base64 text or ``data:`` URL; return any other text unchanged."""
    head, comma, tail = text.partition(",")
    if text.startswith("data:") and comma and head.endswith("base64"):
        text = tail
    elif len(text) < 64 or "." in text:  # a path
        return text
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text


def _located(path: str, what: str, row: str, folder: Path | None) -> Path:
    """Return the file that a row names, relative to the current folder or to the table's."""
    for place in (Path(path), *((folder / path,) if folder else ())):
        if place.is_file():
            return place
    shown = reprlib.repr(path)
    if "://" in path:
        raise LmregError(f"{what} of {row} is the URL {shown}; download the pictures and list their files")
    raise LmregError(f"{what} of {row} is {shown}, which is neither an existing file nor an encoded picture")


def _arrays(column: Any, what: str, name: Callable[[int], str]) -> list[np.ndarray]:
    """Return the numbers of each row as an array whose channels, if any, come last."""
    arrays = _regular(column)
    if arrays is None:
        arrays = [_ragged(cell, what, name(i)) for i, cell in enumerate(column.to_pylist())]
    return [_channels_last(array, what, name(i)) for i, array in enumerate(arrays)]


def _regular(column: Any) -> list[np.ndarray] | None:
    """Return nested lists of numbers as arrays; None if they have nulls or differ in shape."""
    import pyarrow.types as kinds

    found: list[np.ndarray] = []
    for chunk in column.chunks:
        shape, values = [len(chunk)], chunk
        while not (
            kinds.is_integer(values.type) or kinds.is_floating(values.type) or kinds.is_boolean(values.type)
        ):
            if values.null_count or not hasattr(values, "flatten") or kinds.is_struct(values.type):
                return None
            fixed = kinds.is_fixed_size_list(values.type)
            lengths = {values.type.list_size} if fixed else set(values.value_lengths().to_pylist())
            if len(lengths) != 1:
                return None
            shape.append(lengths.pop())
            values = values.flatten()
        if values.null_count or not len(values):
            return None
        found += list(values.to_numpy(zero_copy_only=False).reshape(shape))
    return found


def _ragged(cell: Any, what: str, row: str) -> np.ndarray:
    try:
        array = np.array(cell)
    except ValueError:  # rows of different lengths
        array = np.array(None)
    if array.dtype.kind not in "buif" or not array.size:
        raise LmregError(
            f"{what} of {row} is {reprlib.repr(cell)}: neither a picture nor an array of numbers"
        )
    return array


def _channels_last(array: np.ndarray, what: str, row: str) -> np.ndarray:
    side = round(array.size**0.5)
    if array.ndim == 1 and side > 1 and side**2 == array.size:
        return array.reshape(side, side)  # a flattened square
    if array.ndim == 2 and min(array.shape) > 1:
        return array
    if array.ndim == 3:
        if array.shape[0] in _CHANNELS and array.shape[2] not in _CHANNELS:
            array = array.transpose(1, 2, 0)
        if array.shape[2] in _CHANNELS:
            return array[..., 0] if array.shape[2] == 1 else array
    shape = "x".join(map(str, array.shape))
    raise LmregError(
        f"{what} of {row} has {shape} numbers; a picture has height x width, with 1, 3 or 4 channels before "
        "or after these"
    )
