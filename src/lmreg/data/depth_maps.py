"""Depth maps as files hold them: PNG of 8 or 16 bits, NPY, PFM; and masks of where they are valid."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

from lmreg.data.walk import PICTURES
from lmreg.errors import LmregError

SUFFIXES = (".png", ".npy", ".pfm")
MASKS = (*PICTURES, ".npy")

_PFM = re.compile(rb"(P[Ff])\s+(\d+)\s+(\d+)\s+(\S+)(?:\r\n|\s)")


def read_map(path: Path) -> np.ndarray:
    """The numbers in a file, float64 [height, width], exactly as they are there.

    Raises:
        LmregError: it can't be read or doesn't hold one number per pixel.
    """
    readers = {".png": _png, ".npy": _npy, ".pfm": _pfm}
    try:
        return readers[path.suffix.lower()](path).astype(np.float64)
    except Exception as error:  # decoders raise nearly everything at broken input
        raise LmregError(f"can't read {path} as a depth map: {_reason(error)}; mend or remove it") from error


_LOSSY = ("JPEG", "MPO", "WEBP")
"""Formats, as Pillow calls them, in which black is only nearly black."""


def read_mask(path: Path) -> np.ndarray:
    """Bool [height, width], where a picture isn't black (of a lossy format: is light) or an array isn't 0.

    Raises:
        LmregError: it can't be read.
    """
    try:
        if path.suffix.lower() == ".npy":
            return _npy(path) != 0
        with Image.open(path) as picture:
            plain = picture.mode in ("1", "L") or picture.mode.startswith("I")
            least = 128 if picture.format in _LOSSY else 1
            return np.asarray(picture if plain else picture.convert("L")) >= least
    except Exception as error:
        raise LmregError(f"can't read {path} as a mask: {_reason(error)}; mend or remove it") from error


def squared(values: np.ndarray, side: int | None) -> np.ndarray:
    """The middle square of a map [height, width] at ``side`` × ``side`` pixels; None leaves it as it is.

    It is the square that `pixels.square` cuts out of a picture, but each value is that of one pixel, the
    one at the centre: means over an object's edge, or with missing pixels, are depths that nothing has.
    """
    height, width = values.shape
    if side is None or (height, width) == (side, side):
        return values
    short = min(height, width)
    index = (2 * np.arange(side) + 1) * short // (2 * side)
    return values[np.ix_((height - short) // 2 + index, (width - short) // 2 + index)]


def _reason(error: Exception) -> object:
    return "it is no image" if isinstance(error, Image.UnidentifiedImageError) else error


def _png(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        if picture.mode != "L" and not picture.mode.startswith("I"):
            raise ValueError(
                f"its pixels are {picture.mode}, but those of a depth map are grey, of 8 or 16 bits"
            )
        return np.asarray(picture)


def _npy(path: Path) -> np.ndarray:
    array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
        raise ValueError(f"it holds {getattr(array, 'dtype', 'several arrays')}, not an array of numbers")
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array[0] if array.shape[0] == 1 else array[..., 0]
    if array.ndim != 2:
        raise ValueError(f"its array has shape {list(array.shape)}, not [height, width]")
    return array


def _pfm(path: Path) -> np.ndarray:
    """Portable float map: ``Pf``, width and height, a scale whose sign tells the order of bytes (negative:
    the lowest first), then rows of 32-bit numbers from the bottom up. The scale's size is only for
    display, as in the programs that write these files.
    """
    content = path.read_bytes()
    header = _PFM.match(content)
    if header is None:
        raise ValueError("it doesn't begin as a PFM file does (Pf, width, height, scale)")
    kind, width, height, scale = header.groups()
    if kind == b"PF":
        raise ValueError("it has three channels (PF), a depth map has one (Pf)")
    rows, columns, order = int(height), int(width), float(scale)
    if not np.isfinite(order) or order == 0:
        raise ValueError(f"its scale is {order:g}, whose sign should tell the order of bytes")
    wanted, found = 4 * rows * columns, len(content) - header.end()
    if wanted == 0 or wanted != found:
        raise ValueError(f"{columns}x{rows} pixels take {wanted} bytes, but it has {found}")
    values = np.frombuffer(content, "<f4" if order < 0 else ">f4", offset=header.end())
    return values.reshape(rows, columns)[::-1]
