"""CIFAR-10: from the hub, a folder of Parquet files, or the classic folder of Python pickles.

Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lmreg.config.schema import inherit
from lmreg.data.base import Part, RawData, ReadSummary, data_folder
from lmreg.data.hub import Config as HubConfig
from lmreg.data.hub import HubImages
from lmreg.data.pixels import resize
from lmreg.data.unpickle import load_plain
from lmreg.data.walk import describe_unread
from lmreg.errors import LmregError

_SHAPE = (3, 32, 32)


@dataclass
class Config(HubConfig):
    name: str = "cifar10"
    hub: str | None = inherit(HubConfig, "hub", "uoft-cs/cifar10")
    path: str | None = inherit(HubConfig, "path", help="folder with <split>*.parquet, or cifar-10-batches-py")
    image_column: str = inherit(HubConfig, "image_column", "img")
    resolution: int | None = inherit(
        HubConfig, "resolution", help="resize to squares of this size; null: keep 32"
    )
    crop_padding: int = inherit(HubConfig, "crop_padding", 4)
    flip: bool = inherit(HubConfig, "flip", True)


class CIFAR10(HubImages):
    """Reads whichever of the forms is found in ``data.path``, or from the hub without it."""

    train_files: Sequence[str] = tuple(f"data_batch_{i}" for i in range(1, 6))
    test_files: Sequence[str] = ("test_batch",)
    names_file = "batches.meta"
    folder_name = "cifar-10-batches-py"
    other_form = ", nor the files of cifar-10-batches-py"

    def __init__(self, config: Config):
        super().__init__(config)

    def read(self) -> RawData:
        folder = self._pickles()
        if folder is None:
            return super().read()
        # The hub has columns label, fine_label, coarse_label; the pickles have keys labels, fine_labels, ...
        column, path = self.config.label_column, folder / self.names_file
        names = _entry(load_plain(path), f"{column}_names", path)
        classes = tuple(name.decode() if isinstance(name, bytes) else str(name) for name in names)
        parts = [self._part(folder, files) for files in (self.train_files, self.test_files)]
        read = [folder / name for name in (*self.train_files, *self.test_files, self.names_file)]
        skipped = describe_unread(Path(self.config.path or folder), read)
        return RawData(parts[0], parts[1], classes, summary=ReadSummary(skipped=skipped))

    def _pickles(self) -> Path | None:
        """Return the folder of pickles, ``data.path`` or its usual sub-folder, if its files are all there;
        None if there is none."""
        if self.config.path is None:
            return None
        above = data_folder(self.config.path, self.config.name, f"{self.folder_name} or Parquet files")
        files = (*self.train_files, *self.test_files, self.names_file)
        for folder in (above, above / self.folder_name):
            missing = [name for name in files if not (folder / name).is_file()]
            if not missing:
                return folder
            if len(missing) < len(files) and (folder / self.names_file).is_file():
                raise LmregError(f"{folder} lacks {', '.join(missing)}")
        return None

    def _part(self, folder: Path, files: Sequence[str]) -> Part:
        images, labels = zip(*(self._batch(folder / name) for name in files), strict=True)
        return Part(np.concatenate(images), np.concatenate(labels))

    def _batch(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        key, content = f"{self.config.label_column}s", load_plain(path)
        pixels, labels = _entry(content, "data", path), np.asarray(_entry(content, key, path))
        if not (
            isinstance(pixels, np.ndarray)
            and pixels.dtype == np.uint8
            and pixels.ndim == 2
            and pixels.shape[1] == np.prod(_SHAPE)
        ):
            raise LmregError(f"{path}: its data is not an array of 32x32 colour images")
        if labels.dtype.kind not in "iu" or labels.shape != (len(pixels),):
            raise LmregError(f"{path}: {key} must be one whole number for each of its {len(pixels)} images")
        images = np.ascontiguousarray(pixels.reshape(-1, *_SHAPE).transpose(0, 2, 3, 1))
        return resize(images, self.config.resolution), labels.astype(np.int64)


def _entry(content: Any, key: str, path: Path) -> Any:
    """Return the value of ``key`` in a pickled dict, whose keys are text or, from Python 2, bytes."""
    if isinstance(content, dict):
        for name in (key, key.encode()):
            if name in content:
                return content[name]
    keys = ", ".join(k.decode(errors="replace") if isinstance(k, bytes) else str(k) for k in content or ())
    raise LmregError(f"{path} has no {key!r}; it has: {keys}")
