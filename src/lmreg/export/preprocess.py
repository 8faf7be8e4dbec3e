"""From pictures to what an exported network takes; ``lmreg export`` ships the code of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lmreg.data.base import InputShape
from lmreg.data.pixels import as_pixels, read_pixels
from lmreg.data.samples import to_bytes
from lmreg.errors import LmregError
from lmreg.export.inline import inlined
from lmreg.util.files import write_atomically

_HEAD = '''"""Pictures as the network takes them, by the code that read the images for its training.

Made by lmreg; needs numpy and Pillow.
"""

'''


ABOUT = Path(__file__).with_name("model.json")  # where the exported code finds it


def preprocess(pictures: Any, about: str | Path | dict[str, Any] = ABOUT) -> np.ndarray:
    """One picture or several as the network takes them: float32 [batch, channels, height, width].

    A picture is a file's path, an open file or the bytes in it, a Pillow image, or an array [height, width]
    or [height, width, channels]; several are a list of these, or an array [batch, height, width, channels].
    Arrays are uint8, from black to white; other numbers are mapped by the range that training had, if any.
    Files are the way to the very pixels of training: there a large JPEG is decoded at a part of its size,
    where a Pillow image has all of it.

    Args:
        about: the file model.json, or what is in it.

    Raises:
        ValueError: a picture has another size than the network takes, and training didn't scale either;
            or its pixels aren't of a kind that training knew.
        OSError: Pillow can't read it.
    """
    told = about if isinstance(about, dict) else json.loads(Path(about).read_text(encoding="utf-8"))
    pixels = np.stack([_pixels(picture, told) for picture in _several(pictures)])
    # As training did it: in single precision, with pixels from 0 to 255.
    mean, std = (np.multiply(told[key], 255).astype(np.float32) for key in ("mean", "std"))
    images = (pixels.astype(np.float32) - mean) / std
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _several(pictures: Any) -> list[Any]:
    if isinstance(pictures, np.ndarray):
        return list(pictures) if pictures.ndim == 4 else [pictures]
    one = isinstance(pictures, str | bytes | os.PathLike | Image.Image) or hasattr(pictures, "read")
    return [pictures] if one else list(pictures)


def _pixels(picture: Any, about: dict[str, Any]) -> np.ndarray:
    """Pixels uint8 [height, width, channels] of one picture, as many as the network takes."""
    rules, size = about["preprocess"], about["input"]
    low_and_high = rules["sample_range"]
    samples = None if low_and_high is None else (float(low_and_high[0]), float(low_and_high[1]))
    if isinstance(picture, np.ndarray):
        picture = _bytes(picture, samples)
    read = as_pixels if isinstance(picture, Image.Image) else read_pixels
    pixels = read(picture, rules["resolution"], samples)
    height, width, channels = pixels.shape
    if (height, width) != (size["height"], size["width"]):
        name = picture if isinstance(picture, str | os.PathLike) else "a picture"
        raise ValueError(
            f"{name} has {width}x{height} pixels, but the network takes {size['width']}x{size['height']}, "
            "and in training no image was scaled; cut or scale it as those were"
        )
    if channels < size["channels"]:
        return np.repeat(pixels, size["channels"], axis=2)
    if channels > size["channels"]:  # colour, where all training images were grey
        return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
    return pixels


def _bytes(array: np.ndarray, samples: tuple[float, float] | None) -> np.ndarray:
    """``array`` [height, width] or [height, width, channels] as uint8, without the axis of a single channel.

    Args:
        samples: the range of numbers that aren't uint8; None where those of training were 0 to 255.
    """
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 2, 3, 4):
        raise ValueError(
            f"an array of shape {list(array.shape)} is no picture; it takes [height, width], "
            "[height, width, channels] or [batch, height, width, channels], channels being 1 to 4"
        )
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif array.dtype != np.uint8 and samples is not None:
        array = to_bytes(array, samples)
    elif array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 255:
        raise ValueError(
            f"an array of {array.dtype} from {array.min():g} to {array.max():g}: it takes whole numbers from "
            "0 to 255, as all images of the training had"
        )
    array = array.astype(np.uint8)
    return array[..., 0] if array.ndim == 3 and channels == 1 else array


def description(shape: InputShape, resolution: int | None, samples: list[float] | None) -> dict[str, Any]:
    """What `preprocess` does, for those who write it again in another language.

    Args:
        resolution: to which images of ``shape`` were made square, or None.
        samples: the values of pictures with more than 8 bits that became 0 and 255; None for none.
    """
    squared = resolution is not None and shape.height == shape.width == resolution
    return {
        "orientation": "turned as the EXIF tag Orientation tells",
        "palette": "looked up",
        "background": "white, behind transparent parts",
        "sample_range": samples,
        "resolution": resolution if squared else None,
        "resize": "the middle square, its side scaled to resolution by a box filter" if squared else "none",
        "axes": "batch, channels, height, width",
        "dtype": "float32",
    }


def write_preprocess(folder: Path, about: dict[str, Any], shape: InputShape) -> None:
    """``preprocess.py`` for images of ``shape``, tried without lmreg before it stays.

    Raises:
        LmregError: it gives something else than the code here.
    """
    source = _HEAD + inlined(preprocess)
    made: dict[str, Any] = {"__file__": str(folder / "preprocess.py"), "__name__": "preprocess"}
    exec(compile(source, "preprocess.py", "exec"), made)
    noise = np.random.default_rng(0)
    pixels = noise.integers(256, size=(2, shape.height, shape.width, shape.channels), dtype=np.uint8)
    if not np.array_equal(made["preprocess"](pixels, about), preprocess(pixels, about)):
        raise LmregError("preprocess.py gives other images than lmreg's own code")
    write_atomically(folder / "preprocess.py", lambda file: file.write(source.encode()))
