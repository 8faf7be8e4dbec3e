"""Maps that landmarks of a dense task predict for a few images, for people to look at."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lmreg.data.images import Batch
from lmreg.network.base import SuperNet
from lmreg.space.base import Arch
from lmreg.task.base import Task
from lmreg.util.files import write_atomically

EXAMPLES_FILE = "pictures.npz"
COUNT = 5
"""The number of images whose maps are kept."""


@dataclass(frozen=True)
class PredictedMaps:
    """A landmark's maps float32 [n, height, width], its text form and its score."""

    arch: str
    score: float
    maps: np.ndarray


@dataclass(frozen=True)
class Examples:
    """Images uint8 [n, height, width, channels], true maps float32 [n, height, width] (NaN where missing),
    and by name the maps that landmarks predict, on the scale of the true ones."""

    images: np.ndarray
    truth: np.ndarray
    predictions: dict[str, PredictedMaps]


def save_maps(path: Path, net: SuperNet, task: Task, arch: Arch, batch: Batch) -> None:
    """Write the maps that ``arch`` predicts for the first images of ``batch``; the whole batch passes the
    network, for its normalisation statistics."""
    with torch.inference_mode():
        predicted, truth = task.maps(net(batch.images, arch)[:COUNT], batch.targets[:COUNT])
    arrays = {"images": _pixels(batch.images[:COUNT]), "truth": truth, "predicted": predicted}
    _write(path, {name: value.cpu().numpy() for name, value in arrays.items()})


def write_examples(path: Path, landmarks: dict[str, tuple[Path, str, float]]) -> None:
    """Combine files of `save_maps` into one; ``landmarks`` has by name a file, the architecture's text form
    and its score.

    If one of the files is missing, nothing is written, as records are valid without their maps.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, (maps, arch, score) in landmarks.items():
        found = _read(maps)
        if found is None:
            path.unlink(missing_ok=True)
            return
        arrays |= {"images": found["images"], "truth": found["truth"], name: found["predicted"]}
        arrays |= {f"{name}_arch": np.array(arch), f"{name}_score": np.array(score)}
    _write(path, arrays)


def read_examples(path: Path) -> Examples | None:
    """Return the examples of a study; None if they are missing or damaged."""
    found = _read(path)
    if found is None:
        return None
    names = [name.removesuffix("_arch") for name in found if name.endswith("_arch")]
    predictions = {
        n: PredictedMaps(str(found[f"{n}_arch"]), float(found[f"{n}_score"]), found[n]) for n in names
    }
    return Examples(found["images"], found["truth"], predictions)


def _pixels(images: torch.Tensor) -> torch.Tensor:
    """Return normalised images [n, channels, height, width] as uint8 [n, height, width, channels], each
    stretched to its full range of values."""
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    return (255 * (images - low) / (high - low).clamp(min=1e-6)).byte().permute(0, 2, 3, 1).contiguous()


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]


def _read(path: Path) -> dict[str, np.ndarray] | None:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
