"""Reading pickles of arrays and plain containers without letting them execute anything.

A pickle is a program: unpickling calls whatever it names. Here it can only name the stand-ins below, which
check their arguments; numpy's own reconstructors never get the file's values.
"""

# No library does this. torch's unpickler for `weights_only` is private, knows only opcodes of protocol 2, but
# not Python 2's long strings, in which CIFAR's own files store their pixels, and passes the file's values to
# numpy's reconstructors. numpy's own reading of pickles isn't safe.

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lmreg.errors import LmregError


def load_plain(path: Path) -> Any:
    """Return a pickle's dicts, lists, numbers, text, bytes and numeric arrays; Python 2's text becomes bytes.
    Raise LmregError if the file can't be read or names anything else."""
    try:
        with path.open("rb") as file:
            return _resolved(_Unpickler(file, encoding="bytes").load())
    except OSError as error:
        raise LmregError(f"can't read {path}: {error.strerror}") from error
    except _Refused as error:
        raise LmregError(
            f"{path} is refused: it asks for {error}, but only arrays and plain containers are read"
        ) from None
    except Exception as error:  # a truncated pickle raises nearly everything
        raise LmregError(f"{path} is not a readable pickle ({type(error).__name__}: {error})") from error


class _Refused(Exception):
    """The pickle asked for something that isn't allowed, which the message names."""


class _Dtype:
    """Stands in for `numpy.dtype`: a number's kind, size and byte order."""

    def __init__(self, text: str | bytes, *options: Any):
        self._text = _text(text)
        self._order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._order = _text(state[1])

    def to_numpy(self) -> np.dtype[Any]:
        if self._text[:1] not in "biuf" or self._order not in "<>=|":
            raise _Refused(f"an array of type {self._text!r}")
        return np.dtype(self._text).newbyteorder(self._order)  # type: ignore[arg-type]


class _Array:
    """Stands in for `numpy.ndarray` during reconstruction; `value` is the array."""

    value: np.ndarray

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, content = state
        self.value = _array(content, dtype, shape, "F" if fortran else "C")


def _reconstruct(kind: Any, shape: Any, dtype: Any) -> _Array:
    return _Array()


def _array(content: Any, dtype: Any, shape: Any, order: Any = "C") -> np.ndarray:
    """Return bytes as an array; numpy checks that their number suits the shape."""
    if not isinstance(content, bytes | bytearray | str) or not isinstance(dtype, _Dtype):
        raise _Refused("an array of objects")
    raw = content.encode("latin1") if isinstance(content, str) else content
    sizes = tuple(int(size) for size in shape)
    return np.frombuffer(bytearray(raw), dtype.to_numpy()).reshape(sizes, order="F" if order == "F" else "C")


def _frombuffer(content: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    result = _Array()
    result.value = _array(content, dtype, shape, order)
    return result


def _scalar(dtype: Any, content: Any) -> Any:
    return _array(content, dtype, ())[()].item()


def _encode(text: str, codec: str | bytes) -> bytes:
    """Stands in for `codecs.encode`, by which Python 3 writes bytes for Python 2."""
    if _text(codec) != "latin1":
        raise _Refused(f"the codec {codec!r}")
    return text.encode("latin1")


def _text(value: str | bytes) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else value


class _ReadOnlyFunction:
    """A stand-in function that a pickle can call, but whose attributes it can't set."""

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
    ("_codecs", "encode"): _ReadOnlyFunction(_encode),
}
for _core in ("numpy.core", "numpy._core"):
    _STAND_INS[_core + ".multiarray", "_reconstruct"] = _ReadOnlyFunction(_reconstruct)
    _STAND_INS[_core + ".multiarray", "scalar"] = _scalar
    _STAND_INS[_core + ".numeric", "_frombuffer"] = _ReadOnlyFunction(_frombuffer)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None

    def persistent_load(self, key: Any) -> Any:
        raise _Refused("an object outside the file")


def _resolved(value: Any) -> Any:
    """Return ``value`` with every `_Array` replaced by its array."""
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, dict):
        return {key: _resolved(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_resolved, value))
    if value is None or isinstance(value, str | bytes | int | float):
        return value
    raise _Refused(f"a value of type {type(value).__name__}")
