"""Pictures of the landmarks' predictions for a dense task, as the page embeds them."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image

from lmreg.landmarks.example_maps import EXAMPLES_FILE, read_examples
from lmreg.report import words

_SIDE = 144  # least width on the page, px; enlarged without smoothing, to show the prediction as it is
_MISSING = (128, 128, 128)


@dataclass(frozen=True)
class Column:
    """A column of pictures, each a ``data:`` address; ``arch`` is the predicting landmark, if any."""

    heading: str
    note: str
    arch: str
    pictures: list[str]


def picture_columns(study_folder: Path, column: str) -> list[Column]:
    """Return columns with the images, the truth, and the predictions of the best and the worst landmark by
    the score ``column`` (in words); none if the study has no pictures."""
    found = read_examples(study_folder / "landmarks" / EXAMPLES_FILE)
    if found is None:
        return []
    # Each image has the scale of its truth; predictions beyond it are clipped to its ends.
    scales = [(np.nanmin(t), np.nanmax(t)) if np.isfinite(t).any() else (0.0, 1.0) for t in found.truth]
    shown = [Column("image", "", "", [_address(_colours(image)) for image in found.images])]
    shown.append(Column("truth", "grey: missing", "", _maps(found.truth, scales)))
    for name, predicted in found.predictions.items():
        note = f"{column} {words.number(predicted.score)}"
        shown.append(Column(f"{name} landmark", note, predicted.arch, _maps(predicted.maps, scales)))
    return shown


def _maps(maps: np.ndarray, scales: list[tuple[float, float]]) -> list[str]:
    magma, shown = colormaps["magma"], []
    for values, (low, high) in zip(maps, scales, strict=True):
        level = (values - low) / max(high - low, 1e-9)
        pixels = magma(np.nan_to_num(level).clip(0, 1), bytes=True)[..., :3]
        pixels[~np.isfinite(values)] = _MISSING
        shown.append(_address(pixels))
    return shown


def _colours(image: np.ndarray) -> np.ndarray:
    """Return an image as uint8 [height, width, 3]; unless it has 3 channels, their mean is shown as grey."""
    if image.shape[-1] == 3:
        return image
    return np.repeat(image.mean(-1, keepdims=True).astype(np.uint8), 3, axis=-1)


def _address(pixels: np.ndarray) -> str:
    """Return a picture, uint8 [height, width, 3], as a PNG in a ``data:`` address."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    factor = max(1, -(-_SIDE // picture.width))
    picture = picture.resize((factor * picture.width, factor * picture.height), Image.Resampling.NEAREST)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
