"""What landmarks of a dense task predict for a few images, for people to look at."""

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

PICTURES = "pictures.npz"
SHOWN = 5
"""Images that are kept."""


@dataclass(frozen=True)
class Prediction:
    """A landmark's maps float32 [n, height, width], with its text form and the score it got."""

    arch: str
    score: float
    maps: np.ndarray


@dataclass(frozen=True)
class Pictures:
    """Images uint8 [n, height, width, channels], true maps float32 [n, height, width] (NaN: missing) and
    predictions by name, on the truth's scale."""

    images: np.ndarray
    truth: np.ndarray
    predictions: dict[str, Prediction]


def keep_maps(path: Path, net: SuperNet, task: Task, arch: Arch, batch: Batch) -> None:
    """Write the maps of ``arch`` for the first images of ``batch``, normalised together with the others."""
    with torch.inference_mode():
        predicted, truth = task.maps(net(batch.images, arch)[:SHOWN], batch.targets[:SHOWN])
    arrays = {"images": _pixels(batch.images[:SHOWN]), "truth": truth, "predicted": predicted}
    _write(path, {name: value.cpu().numpy() for name, value in arrays.items()})


def write_pictures(path: Path, shown: dict[str, tuple[Path, str, float]]) -> None:
    """Put together what `keep_maps` wrote: by name its path, the architecture's text form, its score.

    Nothing is written where one of them is gone: records are valid without their pictures.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, (kept, arch, score) in shown.items():
        found = _read(kept)
        if found is None:
            path.unlink(missing_ok=True)
            return
        arrays |= {"images": found["images"], "truth": found["truth"], name: found["predicted"]}
        arrays |= {f"{name}_arch": np.array(arch), f"{name}_score": np.array(score)}
    _write(path, arrays)


def read_pictures(path: Path) -> Pictures | None:
    """The pictures of a study; None where it has none, or no whole ones."""
    found = _read(path)
    if found is None:
        return None
    names = [name.removesuffix("_arch") for name in found if name.endswith("_arch")]
    predictions = {
        n: Prediction(str(found[f"{n}_arch"]), float(found[f"{n}_score"]), found[n]) for n in names
    }
    return Pictures(found["images"], found["truth"], predictions)


def _pixels(images: torch.Tensor) -> torch.Tensor:
    """Normalised images [n, channels, height, width] as uint8 [n, height, width, channels], each over the
    whole range of its values."""
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
