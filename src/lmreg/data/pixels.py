"""Pictures as arrays of pixels, the same for every reader: decoding, colour mode, resizing."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageOps

from lmreg.data.bit_depth import (
    DEEP_COLOUR,
    FULL_16_BIT,
    ByteMapping,
    SampleStats,
    ValueRange,
    choose_mapping,
    sample_stats,
    to_bytes,
)
from lmreg.data.walk import unreadable
from lmreg.errors import LmregError
from lmreg.util.machine import check_memory, usable_cores

# Large pictures are fine; for huge ones Pillow still raises its error.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_GREY = ("1", "L", "LA", "La")
_ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held
_CHUNK = 128  # pictures per task of a thread: decoding a small one costs less than scheduling a task

T = TypeVar("T")


def decode_pictures(
    contents: Sequence[Any],
    name: Callable[[int], str],
    place: str,
    resolution: int | None,
    training: int,
    value_range: ValueRange | None,
) -> tuple[np.ndarray, ByteMapping]:
    """Return the pixels of pictures in their order, uint8 [n, height, width, channels], and how the files'
    samples were mapped to them.

    The pixels have one channel if all pictures are stored as grey, else three, where grey pictures repeat
    theirs. Palettes are looked up, transparent parts become white, and a camera's orientation is applied.
    Samples of more than 8 bits are mapped by the range that the training pictures have. A picture that can't
    be read, sizes that differ, or samples without a mapping raise LmregError.

    Args:
        contents: each picture's path, its encoded bytes, or its pixels (uint8 [height, width], or [height,
            width, 3 or 4]).
        name: says where picture i is stored, for messages.
        place: the data set's origin, for messages.
        resolution: the side of the squares that `square` makes of the pictures; None: they must have one
            size.
        training: how many of ``contents`` are training pictures; these come first.
        value_range: the range of samples that the user asks for.
    """
    expected = value_range or FULL_16_BIT
    images, stats = _decode(contents, name, place, resolution, expected)
    first = {s.kind: i for i, s in reversed(list(enumerate(stats)))}
    # The training pictures count, and one picture of each kind that only the test part has.
    chosen = sorted({*range(min(training, len(stats))), *first.values()})
    mapping = choose_mapping([stats[i] for i in chosen], lambda j: name(chosen[j]), value_range, place)
    if mapping.sample_range not in (None, expected):
        # Deep pictures are decoded a second time, as they would need several times the memory of the pixels
        # to be kept until the range is known.
        deep = [i for i, s in enumerate(stats) if s.deep]
        images[deep], _ = _decode(
            [contents[i] for i in deep], lambda i: name(deep[i]), place, resolution, mapping.sample_range
        )
    notes = list(mapping.notes)
    if 0 < (count := sum(s.kind != _EIGHT_BIT.kind for s in stats)) < len(stats):
        notes.append(
            f"{count:,} of {len(stats):,} pictures have samples of more than 8 bits, the others 8 bits"
        )
    if stacks := sum(s.frames for s in stats):
        notes.append(
            f"{stacks:,} files have several pictures (frames, pages); only the first of each is read"
        )
    return images, replace(mapping, notes=tuple(notes))


def _decode(
    contents: Sequence[Any],
    name: Callable[[int], str],
    place: str,
    resolution: int | None,
    sample_range: ValueRange | None,
) -> tuple[np.ndarray, list[SampleStats]]:
    def one(i: int) -> tuple[np.ndarray, SampleStats]:
        try:
            return _pixels(contents[i], resolution, sample_range)
        except Exception as error:  # decoders raise nearly everything at broken input
            raise unreadable(name(i), "an image", error) from error

    if resolution is not None:
        check_memory(len(contents), (resolution, resolution), place)
    images, every = np.empty((0, 0, 0, 1), np.uint8), []
    with contextlib.closing(map_in_threads(one, len(contents))) as results:  # an error ends the threads
        for i, (pixels, stats) in enumerate(results):
            if i == 0:
                check_memory(len(contents), pixels.shape, place)
                images = np.empty((len(contents), *pixels.shape), np.uint8)
            elif pixels.shape[:2] != images.shape[1:3]:
                sizes = [
                    f"{name(j)} has {w}x{h}" for j, (h, w) in ((0, images.shape[1:3]), (i, pixels.shape[:2]))
                ]
                raise LmregError(
                    f"{place}: images differ in size ({' and '.join(sizes)}); pass data.resolution=<pixels>"
                )
            elif pixels.shape[2] > images.shape[3]:  # the first one in colour
                images = np.repeat(images, pixels.shape[2], axis=3)
            images[i] = pixels
            every.append(stats)
    return images, every


def resize(images: np.ndarray, resolution: int | None) -> np.ndarray:
    """Return ``images`` uint8 [n, height, width, channels], each made `square`; None changes nothing."""
    if resolution is None or images.shape[1:3] == (resolution, resolution):
        return images
    check_memory(len(images), (resolution, resolution, images.shape[3]), f"data.resolution={resolution}")
    resized = np.empty((len(images), resolution, resolution, images.shape[3]), np.uint8)

    def one(i: int) -> None:
        pixels = images[i, ..., 0] if images.shape[3] == 1 else images[i]
        resized[i] = _array(square(Image.fromarray(pixels), resolution))

    for _ in map_in_threads(one, len(images)):
        pass
    return resized


def square(picture: Image.Image, size: int) -> Image.Image:
    """Return the middle square of a picture, scaled to ``size`` × ``size`` pixels.

    The shorter side determines the scale; the longer one is cropped at both ends, as is usual. Shrinking
    averages pixels (a box filter, as for downsampled ImageNet: Chrabaszcz et al. 2017); enlarging repeats
    them.
    """
    width, height = picture.size
    if (width, height) == (size, size):
        return picture
    short = min(width, height)
    left, top = (width - short) // 2, (height - short) // 2
    box = (left, top, left + short, top + short)
    return picture.resize((size, size), Image.Resampling.BOX, box=box)


def picture_size(path: Path) -> tuple[int, int]:
    """Return width and height of the upright picture in a file, read from the header alone."""
    with Image.open(path) as picture:
        width, height = picture.size
        return (height, width) if picture.getexif().get(_ORIENTATION, 1) >= 5 else (width, height)


def _pixels(
    content: Any, resolution: int | None, sample_range: ValueRange | None
) -> tuple[np.ndarray, SampleStats]:
    with _opened(content, resolution) as picture:
        stats = SampleStats(DEEP_COLOUR) if _has_deep_colour(picture) else _EIGHT_BIT
        pixels = as_pixels(picture, resolution, sample_range)
        if _is_deep(picture):
            stats = sample_stats(np.asarray(picture))
        if picture.format in _STACKS and getattr(picture, "is_animated", False):
            stats = replace(stats, frames=True)
        return pixels, stats


def read_pixels(content: Any, resolution: int | None, sample_range: ValueRange | None) -> np.ndarray:
    """Return the pixels of a picture, see `as_pixels`; ``content`` is its path, its encoded bytes, or its
    pixels.

    ``lmreg export`` ships this function and the next one with everything that they use, which must therefore
    need only numpy and Pillow.
    """
    with _opened(content, resolution) as picture:
        return as_pixels(picture, resolution, sample_range)


def as_pixels(picture: Image.Image, resolution: int | None, sample_range: ValueRange | None) -> np.ndarray:
    """Return a picture's pixels uint8 [height, width, 1 or 3]: upright, without transparency, and made
    `square` if there is a resolution. ``sample_range`` is the range of samples of more than 8 bits, see
    `to_bytes`; if it is None, such samples raise ValueError."""
    upright = picture
    if picture.getexif().get(_ORIENTATION, 1) != 1:
        upright = ImageOps.exif_transpose(picture)
    if not _is_deep(upright):
        flat = _flat(upright)
    elif sample_range is None:
        raise ValueError(
            "a picture has samples of more than 8 bits, but no training image had; save it with 8"
        )
    else:
        flat = Image.fromarray(to_bytes(np.asarray(upright), sample_range))
    return _array(flat if resolution is None else square(flat, resolution))


def _opened(content: Any, resolution: int | None) -> Image.Image:
    if isinstance(content, np.ndarray):
        return Image.fromarray(content)
    picture = Image.open(io.BytesIO(content) if isinstance(content, bytes) else content)
    if resolution is not None:
        # A large JPEG is decoded at a half, a quarter or an eighth of its size. This is several times
        # faster, and 8 times the resolution still remains, so that it hardly changes the result.
        picture.draft(None, (8 * resolution, 8 * resolution))
    return picture


def _is_deep(picture: Image.Image) -> bool:
    """Whether the picture's samples have more than 8 bits."""
    return picture.mode[0] in "IF"


_EIGHT_BIT = SampleStats()
_STACKS = ("GIF", "TIFF", "WEBP", "PNG")
"""Formats whose files may contain several pictures that are all meant to be seen."""


def _has_deep_colour(picture: Image.Image) -> bool:
    """Whether the file has 16-bit colours, of which Pillow returns the upper 8 bits."""
    tiles = getattr(picture, "tile", ())[:1]
    return not _is_deep(picture) and any(";16" in str(tile[3]) for tile in tiles)


def _flat(picture: Image.Image) -> Image.Image:
    """Return the picture as 8-bit grey (L) or colour (RGB) without transparency."""
    mode = "L" if picture.mode in _GREY or _is_grey_palette(picture) else "RGB"
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    return picture if picture.mode == mode else picture.convert(mode)


def _is_grey_palette(picture: Image.Image) -> bool:
    """Whether the picture has a palette but uses only greys of it, as the GIF of a grey picture does."""
    if picture.mode != "P":
        return False
    palette = np.reshape(picture.getpalette() or [], (-1, 3))
    used = palette[np.flatnonzero(picture.histogram()[: len(palette)])]
    return len(used) > 0 and bool((used == used[:, :1]).all())


def _array(picture: Image.Image) -> np.ndarray:
    """Return the picture's pixels uint8 [height, width, channels]."""
    pixels = np.asarray(picture, dtype=np.uint8)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def map_in_threads(work: Callable[[int], T], count: int) -> Generator[T, None, None]:
    """Yield ``work(0)`` to ``work(count - 1)`` in order, computed in threads: decoders release the GIL."""

    def several(start: int) -> list[T]:
        return [work(i) for i in range(start, min(start + _CHUNK, count))]

    pool = ThreadPoolExecutor(usable_cores())
    try:
        for results in pool.map(several, range(0, count, _CHUNK)):
            yield from results
    finally:
        pool.shutdown(cancel_futures=True)
