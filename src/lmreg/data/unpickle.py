"""Pickles of arrays and plain containers, read without letting them run anything.

A pickle is a program: unpickling calls whatever it names. Here it can name only the stand-ins below,
which are our own and check what they are given; numpy's own functions never see the file's values.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lmreg.errors import LmregError


def load_plain(path: Path) -> Any:
    """The dicts, lists, numbers, text, bytes and numeric arrays in a pickle; Python 2's text is bytes.

    Raises:
        LmregError: it can't be read, or asks for anything else.
    """
    try:
        with path.open("rb") as file:
            return _resolved(_Unpickler(file, encoding="bytes").load())
    except OSError as error:
        raise LmregError(f"can't read {path}: {error.strerror}") from error
    except _Refused as error:
        raise LmregError(
            f"{path} is refused: it asks for {error}, where only arrays and plain containers are read"
        ) from None
    except Exception as error:  # a torn pickle raises nearly everything
        raise LmregError(f"{path} is not a readable pickle ({type(error).__name__}: {error})") from error


class _Refused(Exception):
    """What the pickle asked for."""


class _Dtype:
    """Stands for `numpy.dtype`: a number's kind, size and byte order."""

    def __init__(self, text: str | bytes, *options: Any):
        self._text = _text(text)
        self._order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._order = _text(state[1])

    def real(self) -> np.dtype[Any]:
        if self._text[:1] not in "biuf" or self._order not in "<>=|":
            raise _Refused(f"an array of type {self._text!r}")
        return np.dtype(self._text).newbyteorder(self._order)  # type: ignore[arg-type]


class _Array:
    """Stands for `numpy.ndarray` while it is rebuilt; `value` is the array."""

    value: np.ndarray

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, content = state
        self.value = _array(content, dtype, shape, "F" if fortran else "C")


def _reconstruct(kind: Any, shape: Any, dtype: Any) -> _Array:
    return _Array()


def _array(content: Any, dtype: Any, shape: Any, order: Any = "C") -> np.ndarray:
    """Bytes as an array; numpy checks that they are as many as the shape needs."""
    if not isinstance(content, bytes | bytearray | str) or not isinstance(dtype, _Dtype):
        raise _Refused("an array of objects")
    raw = content.encode("latin1") if isinstance(content, str) else content
    sizes = tuple(int(size) for size in shape)
    return np.frombuffer(bytearray(raw), dtype.real()).reshape(sizes, order="F" if order == "F" else "C")


def _frombuffer(content: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    result = _Array()
    result.value = _array(content, dtype, shape, order)
    return result


def _scalar(dtype: Any, content: Any) -> Any:
    return _array(content, dtype, ())[()].item()


def _encode(text: str, codec: str | bytes) -> bytes:
    """How Python 3 writes bytes for Python 2."""
    if _text(codec) != "latin1":
        raise _Refused(f"the codec {codec!r}")
    return text.encode("latin1")


def _text(value: str | bytes) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else value


class _Function:
    """A stand-in that a pickle can call, but not write attributes to."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]):
        self._call = call

    def __call__(self, *args: Any) -> Any:
        return self._call(*args)

    def __setstate__(self, state: Any) -> None:
        raise _Refused("attributes of a function")


_STAND_INS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Array,
    ("_codecs", "encode"): _Function(_encode),
}
for _core in ("numpy.core", "numpy._core"):
    _STAND_INS[_core + ".multiarray", "_reconstruct"] = _Function(_reconstruct)
    _STAND_INS[_core + ".multiarray", "scalar"] = _scalar
    _STAND_INS[_core + ".numeric", "_frombuffer"] = _Function(_frombuffer)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None

    def persistent_load(self, key: Any) -> Any:
        raise _Refused("an object outside the file")


def _resolved(value: Any) -> Any:
    """``value`` with every rebuilt array in its place."""
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, dict):
        return {key: _resolved(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_resolved, value))
    if value is None or isinstance(value, str | bytes | int | float):
        return value
    raise _Refused(f"a value of type {type(value).__name__}")
