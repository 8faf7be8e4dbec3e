"""Reading depth maps (PNG of 8 or 16 bits, NPY, PFM) and the masks of their valid pixels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

from lmreg.data.walk import PICTURE_SUFFIXES, unreadable

MAP_SUFFIXES = (".png", ".npy", ".pfm")
MASK_SUFFIXES = (*PICTURE_SUFFIXES, ".npy")

_PFM = re.compile(rb"(P[Ff])\s+(\d+)\s+(\d+)\s+(\S+)(?:\r\n|\s)")


def read_map(path: Path) -> np.ndarray:
    """Return the numbers in a file unchanged, float64 [height, width]; there must be one per pixel."""
    readers = {".png": _png, ".npy": _npy, ".pfm": _pfm}
    try:
        return readers[path.suffix.lower()](path).astype(np.float64)
    except Exception as error:  # decoders raise nearly everything at broken input
        raise unreadable(path, "a depth map", error) from error


_LOSSY = ("JPEG", "MPO", "WEBP")
"""Pillow's names of formats in which black is only nearly black."""


def read_mask(path: Path) -> np.ndarray:
    """Return bool [height, width]: where a picture isn't black (in a lossy format: where it is light), or an
    array isn't 0."""
    try:
        if path.suffix.lower() == ".npy":
            return _npy(path) != 0
        with Image.open(path) as picture:
            plain = picture.mode in ("1", "L") or picture.mode.startswith("I")
            least = 128 if picture.format in _LOSSY else 1
            return np.asarray(picture if plain else picture.convert("L")) >= least
    except Exception as error:
        raise unreadable(path, "a mask", error) from error


def square_map(values: np.ndarray, side: int | None) -> np.ndarray:
    """Return the middle square of a map [height, width] at ``side`` × ``side`` pixels; None leaves the map
    unchanged.

    It is the same square that `pixels.square` cuts out of a picture, but each value is that of the single
    pixel at the centre: a mean over an object's edge, or over missing pixels, is a depth that nothing has.
    """
    height, width = values.shape
    if side is None or (height, width) == (side, side):
        return values
    short = min(height, width)
    index = (2 * np.arange(side) + 1) * short // (2 * side)
    return values[np.ix_((height - short) // 2 + index, (width - short) // 2 + index)]


def _png(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        if picture.mode != "L" and not picture.mode.startswith("I"):
            raise ValueError(f"its pixels are {picture.mode}, but a depth map must be grey, of 8 or 16 bits")
        return np.asarray(picture)


def _npy(path: Path) -> np.ndarray:
    array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
        raise ValueError(f"it contains {getattr(array, 'dtype', 'several arrays')}, not an array of numbers")
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array[0] if array.shape[0] == 1 else array[..., 0]
    if array.ndim != 2:
        raise ValueError(f"its array has shape {list(array.shape)}, not [height, width]")
    return array


def _pfm(path: Path) -> np.ndarray:
    """Read a portable float map: ``Pf``, width and height, a scale whose sign gives the byte order (negative:
    little-endian), then rows of 32-bit numbers from the bottom up. As usual, the scale's size is ignored.
    """
    content = path.read_bytes()
    header = _PFM.match(content)
    if header is None:
        raise ValueError("it has no header of a PFM file (Pf, width, height, scale)")
    kind, width, height, scale = header.groups()
    if kind == b"PF":
        raise ValueError("it has three channels (PF), a depth map has one (Pf)")
    rows, columns, order = int(height), int(width), float(scale)
    if not np.isfinite(order) or order == 0:
        raise ValueError(f"its scale is {order:g}, whose sign should give the byte order")
    wanted, found = 4 * rows * columns, len(content) - header.end()
    if wanted == 0 or wanted != found:
        raise ValueError(f"{columns}x{rows} pixels need {wanted} bytes, but it has {found}")
    values = np.frombuffer(content, "<f4" if order < 0 else ">f4", offset=header.end())
    return values.reshape(rows, columns)[::-1]
