"""Converting pictures to the input of an exported network; ``lmreg export`` ships this code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lmreg.data.base import InputShape
from lmreg.data.bit_depth import to_bytes
from lmreg.data.pixels import as_pixels, read_pixels
from lmreg.errors import LmregError
from lmreg.export.inline import inlined_source
from lmreg.util.files import write_atomically

_HEAD = '''"""Converts pictures to the network's input, {origin}.

Made by lmreg; needs numpy and Pillow.
"""

'''


MODEL_JSON = Path(__file__).with_name("model.json")  # beside the exported code


def preprocess(pictures: Any, about: str | Path | dict[str, Any] = MODEL_JSON) -> np.ndarray:
    """Return one or several pictures as the network's input, float32 [batch, channels, height, width].

    A picture is a file's path, an open file or its bytes, a Pillow image, or an array [height, width] or
    [height, width, channels]; several are a list of these, or an array [batch, height, width, channels].
    Arrays are uint8, from black to white; other numbers are mapped by the range that training used, if any.
    Only files give exactly the pixels of training: a large JPEG is decoded at a fraction of its size, but a
    Pillow image has its full size. ``about`` is the file model.json or its content.

    A picture of another size than the network's, unless training scaled images too, or with pixels of a kind
    that didn't occur in training, raises ValueError; one that Pillow can't read raises OSError.
    """
    model = about if isinstance(about, dict) else json.loads(Path(about).read_text(encoding="utf-8"))
    pixels = np.stack([_pixels(picture, model) for picture in _several(pictures)])
    # As in training: in single precision, with pixels from 0 to 255.
    mean, std = (np.multiply(model[key], 255).astype(np.float32) for key in ("mean", "std"))
    images = (pixels.astype(np.float32) - mean) / std
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _several(pictures: Any) -> list[Any]:
    if isinstance(pictures, np.ndarray):
        return list(pictures) if pictures.ndim == 4 else [pictures]
    one = isinstance(pictures, str | bytes | os.PathLike | Image.Image) or hasattr(pictures, "read")
    return [pictures] if one else list(pictures)


def _pixels(picture: Any, model: dict[str, Any]) -> np.ndarray:
    """Return one picture's pixels uint8 [height, width, channels] in the network's input size."""
    rules, size = model["preprocess"], model["input"]
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
            f"{name} has {width}x{height} pixels, but the network needs {size['width']}x{size['height']}, "
            "and training didn't scale images; crop or scale it as the training images were"
        )
    if channels < size["channels"]:
        return np.repeat(pixels, size["channels"], axis=2)
    if channels > size["channels"]:  # colour, although all training images were grey
        return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
    return pixels


def _bytes(array: np.ndarray, samples: tuple[float, float] | None) -> np.ndarray:
    """Return ``array`` [height, width] or [height, width, channels] as uint8 (without a single channel axis);
    ``samples`` is the range by which other numbers are mapped, None if those of training were 0 to 255."""
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 2, 3, 4):
        raise ValueError(
            f"an array of shape {list(array.shape)} isn't a picture; its shape must be [height, width], "
            "[height, width, channels] or [batch, height, width, channels], with 1 to 4 channels"
        )
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif array.dtype != np.uint8 and samples is not None:
        array = to_bytes(array, samples)
    elif array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 255:
        raise ValueError(
            f"an array of {array.dtype} from {array.min():g} to {array.max():g}: it must have whole numbers "
            "from 0 to 255, as all training images had"
        )
    array = array.astype(np.uint8)
    return array[..., 0] if array.ndim == 3 and channels == 1 else array


def preprocessing_rules(
    shape: InputShape, resolution: int | None, samples: list[float] | None
) -> dict[str, Any]:
    """Return the rules of `preprocess`, which also let you implement it in another language.

    ``resolution`` is the side of the squares that images were scaled to, if ``shape`` is that square;
    ``samples`` is the range of samples of more than 8 bits that became 0 to 255. Both are None if there was
    no such thing.
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


def write_preprocess(folder: Path, about: dict[str, Any], shape: InputShape, reader: str = "") -> None:
    """Write ``preprocess.py`` for images of ``shape`` after comparing its results with those of the code
    here. ``reader`` names the class that read the images if it isn't lmreg's: its own steps aren't known."""
    origin = f"without what {reader} does to them" if reader else "by the same code as for its training"
    source = _HEAD.format(origin=origin) + inlined_source(preprocess)
    made: dict[str, Any] = {"__file__": str(folder / "preprocess.py"), "__name__": "preprocess"}
    exec(compile(source, "preprocess.py", "exec"), made)
    noise = np.random.default_rng(0)
    pixels = noise.integers(256, size=(2, shape.height, shape.width, shape.channels), dtype=np.uint8)
    if not np.array_equal(made["preprocess"](pixels, about), preprocess(pixels, about)):
        raise LmregError("the images of preprocess.py differ from those of lmreg's own code")
    write_atomically(folder / "preprocess.py", lambda file: file.write(source.encode()))
