"""Pictures to arrays, the same for every reader: decoding, colour mode, resizing."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageOps

from lmreg.data.samples import COLOUR, SIXTEEN, Mapping, Range, Seen, mapping, seen, to_bytes
from lmreg.errors import LmregError
from lmreg.util.machine import check_memory, usable_cores

# Pictures of more pixels than Pillow expects: its error at many more still ends the run.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_GREY = ("1", "L", "LA", "La")
_ORIENTATION = 0x0112  # the EXIF tag by which a camera tells how it was held
_CHUNK = 128  # pictures that a thread takes at a time: small ones cost less than a hand-over

T = TypeVar("T")


@dataclass(frozen=True)
class Decoded:
    """Pixels uint8 [n, height, width, channels], and how the samples in the files became these."""

    images: np.ndarray
    samples: Mapping


def decode(
    contents: Sequence[Any],
    name: Callable[[int], str],
    place: str,
    resolution: int | None,
    sample_range: Range | None = None,
) -> np.ndarray:
    """Pixels uint8 [n, height, width, channels] of encoded pictures, in their order.

    There is one channel where all pictures are grey, else three: grey ones are repeated. Palettes are
    looked up, transparent parts show white behind them, and a camera's orientation is applied.

    Args:
        contents: files' paths, the encoded bytes of each picture, or its pixels (uint8 [height, width], or
            with 3 or 4 channels behind).
        name: tells where picture i lies, for messages.
        place: where all of them lie.
        resolution: `square` them to this size; None keeps theirs, which must then be equal.
        sample_range: of samples of more than 8 bits, see `to_bytes`; None keeps the upper 8 of 16 bits.

    Raises:
        LmregError: a picture can't be read, or sizes differ.
    """
    return _decode(contents, name, place, resolution, sample_range or SIXTEEN)[0]


def read_pictures(
    contents: Sequence[Any],
    name: Callable[[int], str],
    place: str,
    resolution: int | None,
    training: int,
    value_range: Range | None,
) -> Decoded:
    """`decode`, with the range of samples of more than 8 bits that the training pictures have.

    Pictures are decoded once, except those of more than 8 bits whose range isn't that of 16 bits.

    Args:
        training: how many of ``contents`` are training pictures; these come first.
        value_range: the range that the user asks for.

    Raises:
        LmregError: as `decode` and `mapping`.
    """
    images, found = _decode(contents, name, place, resolution, value_range or SIXTEEN)
    samples = _samples(found, training, name, value_range, place)
    chosen = samples.sample_range
    if chosen is not None and chosen != (value_range or SIXTEEN):
        again = [i for i, s in enumerate(found) if s.deep]
        some, _ = _decode([contents[i] for i in again], lambda i: name(again[i]), place, resolution, chosen)
        images[again] = some
    if stacks := sum(s.frames for s in found):
        note = f"several pictures (frames, pages) in a file: {stacks:,} times; the first of each is read"
        samples = replace(samples, notes=(*samples.notes, note))
    return Decoded(images, samples)


def _samples(
    found: Sequence[Seen], training: int, name: Callable[[int], str], value_range: Range | None, place: str
) -> Mapping:
    """The mapping by what the training pictures have; of kinds that only test pictures have one each is
    looked at besides."""
    kinds = {s.kind for s in found[:training]}
    shown = list(range(min(training, len(found))))
    for i in range(training, len(found)):
        if found[i].kind not in kinds:
            kinds.add(found[i].kind)
            shown.append(i)
    return mapping([found[i] for i in shown], lambda j: name(shown[j]), value_range, place)


def _decode(
    contents: Sequence[Any],
    name: Callable[[int], str],
    place: str,
    resolution: int | None,
    sample_range: Range,
) -> tuple[np.ndarray, list[Seen]]:
    def one(i: int) -> tuple[np.ndarray, Seen]:
        try:
            return _pixels(contents[i], resolution, sample_range)
        except Exception as error:  # decoders raise nearly everything at broken input
            reason = "it is no image" if isinstance(error, Image.UnidentifiedImageError) else error
            raise LmregError(f"can't read {name(i)} as an image: {reason}; mend or remove it") from error

    if resolution is not None:
        check_memory(len(contents), (resolution, resolution), place)
    images, found = np.empty((0, 0, 0, 1), np.uint8), []
    with contextlib.closing(in_threads(one, len(contents))) as results:  # an error ends the threads
        for i, (pixels, samples) in enumerate(results):
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
            found.append(samples)
    return images, found


def resize(images: np.ndarray, resolution: int | None) -> np.ndarray:
    """``images`` uint8 [n, height, width, channels], each made `square`; None leaves them as they are."""
    if resolution is None or images.shape[1:3] == (resolution, resolution):
        return images
    check_memory(len(images), (resolution, resolution, images.shape[3]), f"data.resolution={resolution}")
    resized = np.empty((len(images), resolution, resolution, images.shape[3]), np.uint8)

    def one(i: int) -> None:
        pixels = images[i, ..., 0] if images.shape[3] == 1 else images[i]
        resized[i] = _array(square(Image.fromarray(pixels), resolution))

    for _ in in_threads(one, len(images)):
        pass
    return resized


def square(picture: Image.Image, size: int) -> Image.Image:
    """The middle square of a picture at ``size`` × ``size`` pixels.

    That is the field's habit: the shorter side gives the scale, what sticks out of the longer one is
    cut off on both ends. Shrinking averages pixels (a box filter, as downsampled ImageNet has it:
    Chrabaszcz et al. 2017); enlarging repeats them.
    """
    width, height = picture.size
    if (width, height) == (size, size):
        return picture
    short = min(width, height)
    left, top = (width - short) // 2, (height - short) // 2
    box = (left, top, left + short, top + short)
    return picture.resize((size, size), Image.Resampling.BOX, box=box)


def size(path: Path) -> tuple[int, int]:
    """Width and height of the picture in a file as `decode` turns it, from its header alone."""
    with Image.open(path) as picture:
        width, height = picture.size
        return (height, width) if picture.getexif().get(_ORIENTATION, 1) >= 5 else (width, height)


def _pixels(content: Any, resolution: int | None, sample_range: Range) -> tuple[np.ndarray, Seen]:
    with _opened(content, resolution) as picture:
        samples = Seen(COLOUR) if _has_deep_colour(picture) else _EIGHT_BIT
        pixels = as_pixels(picture, resolution, sample_range)
        if _is_deep(picture):
            samples = seen(np.asarray(picture))
        if picture.format in _STACKS and getattr(picture, "is_animated", False):
            samples = replace(samples, frames=True)
        return pixels, samples


def read_pixels(content: Any, resolution: int | None, sample_range: Range | None) -> np.ndarray:
    """`as_pixels` of a picture in a file.

    ``lmreg export`` ships this function and the next with all that they use: these must need no more than
    numpy and Pillow.

    Args:
        content: the file's path, or the bytes in it, or the pixels, see `decode`.
    """
    with _opened(content, resolution) as picture:
        return as_pixels(picture, resolution, sample_range)


def as_pixels(picture: Image.Image, resolution: int | None, sample_range: Range | None) -> np.ndarray:
    """A picture's pixels, uint8 [height, width, 1 or 3]: upright, flat, and `square` where there is a
    resolution.

    Args:
        sample_range: of samples of more than 8 bits, see `to_bytes`; None where there are to be none.

    Raises:
        ValueError: there are such.
    """
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
        # A large JPEG is decoded at a half, a quarter or an eighth of its size: several times
        # faster, and with 8 times the pixels still there, no matter.
        picture.draft(None, (8 * resolution, 8 * resolution))
    return picture


def _is_deep(picture: Image.Image) -> bool:
    """Whether its samples have more than 8 bits."""
    return picture.mode[0] in "IF"


_EIGHT_BIT = Seen()
_STACKS = ("GIF", "TIFF", "WEBP", "PNG")
"""Formats of which a file may hold several pictures that are all meant to be seen."""


def _has_deep_colour(picture: Image.Image) -> bool:
    """Whether the file has colours of 16 bits, of which decoding leaves the upper 8."""
    tiles = getattr(picture, "tile", ())[:1]
    return not _is_deep(picture) and any(";16" in str(tile[3]) for tile in tiles)


def _flat(picture: Image.Image) -> Image.Image:
    """The picture as 8-bit grey (L) or colour (RGB) without transparency."""
    mode = "L" if picture.mode in _GREY or _is_grey_palette(picture) else "RGB"
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    return picture if picture.mode == mode else picture.convert(mode)


def _is_grey_palette(picture: Image.Image) -> bool:
    """Whether the picture has a palette of which it uses greys only, as a GIF of a grey picture has."""
    if picture.mode != "P":
        return False
    palette = np.reshape(picture.getpalette() or [], (-1, 3))
    used = palette[np.flatnonzero(picture.histogram()[: len(palette)])]
    return len(used) > 0 and bool((used == used[:, :1]).all())


def _array(picture: Image.Image) -> np.ndarray:
    """Its pixels, uint8 [height, width, channels]."""
    pixels = np.asarray(picture, dtype=np.uint8)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def in_threads(work: Callable[[int], T], count: int) -> Generator[T, None, None]:
    """``work(0)`` to ``work(count - 1)``, in order: decoders let go of Python's lock."""

    def several(start: int) -> list[T]:
        return [work(i) for i in range(start, min(start + _CHUNK, count))]

    pool = ThreadPoolExecutor(usable_cores())
    try:
        for results in pool.map(several, range(0, count, _CHUNK)):
            yield from results
    finally:
        pool.shutdown(cancel_futures=True)
