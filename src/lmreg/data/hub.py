"""Image data sets in the hub's layout: from the hub by name, or from a local folder of Parquet files."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lmreg.config.schema import option
from lmreg.data.base import DataConfig, DataSource, Part, RawData
from lmreg.errors import LmregError


@dataclass
class Config(DataConfig):
    hub: str | None = option(None, help="name on the hub, used when path is null")
    path: str | None = option(None, help="folder with train*.parquet and test*.parquet")
    image_column: str = "img"
    label_column: str = "label"
    resolution: int | None = option(
        None, min=4, help="resize the images to this square size; null keeps theirs"
    )


class HubImages(DataSource):
    """Reads images and labels by column name with the `datasets` library."""

    def __init__(self, config: Config):
        self.config: Config = config

    def read(self) -> RawData:
        train, names = self._part("train")
        test, _ = self._part("test")
        if train.images.shape[1:] != test.images.shape[1:]:
            raise LmregError(f"{self._place}: training and test images differ in size; set data.resolution")
        if names is None:
            names = tuple(map(str, range(int(train.labels.max()) + 1)))
        return RawData(train, test, names)

    @property
    def _place(self) -> str:
        return str(self.config.path or self.config.hub)

    def _load(self, split: str) -> Any:
        import datasets

        datasets.disable_progress_bars()
        # Its warnings about every retry would bury the one line that tells what to do.
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        config = self.config
        if config.path is None:
            try:
                return datasets.load_dataset(config.hub, split=split)
            except Exception as error:  # the library raises dozens of kinds: network, cache, format
                raise LmregError(
                    f"can't load {config.hub!r} from the hub ({type(error).__name__}); "
                    "with local Parquet files pass data.path=<folder>"
                ) from error
        folder = Path(config.path)
        if not folder.is_dir():
            raise LmregError(f"data.path={folder}: there is no such folder")
        files = sorted(map(str, folder.rglob(f"{split}*.parquet")))
        if not files:
            raise LmregError(f"data.path={folder}: there is no {split}*.parquet in that folder")
        if len(places := {str(Path(file).parent) for file in files}) > 1:
            raise LmregError(
                f"data.path={folder} has several data sets: {', '.join(sorted(places))}; name one"
            )
        try:
            # Read straight from the files: no second copy in the library's cache.
            return datasets.Dataset.from_parquet(files, keep_in_memory=True)
        except Exception as error:
            raise LmregError(f"can't read {files[0]}: {str(error).splitlines()[0]}") from error

    def _part(self, split: str) -> tuple[Part, tuple[str, ...] | None]:
        import datasets

        config, table = self.config, self._load(split)
        for column in (config.image_column, config.label_column):
            if column not in table.column_names:
                there = ", ".join(table.column_names)
                raise LmregError(f"{self._place}: no column {column!r} in {split}; there are: {there}")
        feature = table.features[config.label_column]
        labels = np.asarray(table[config.label_column][:], dtype=np.int64)
        table = table.cast_column(config.image_column, datasets.Image())
        pictures = table[config.image_column]
        grey = all(picture.mode == "L" for picture in pictures[:100])
        pixels = [self._pixels(picture, "L" if grey else "RGB") for picture in pictures]
        if len(sizes := {p.shape[:2] for p in pixels}) > 1:
            raise LmregError(f"{self._place}: {split} images have {len(sizes)} sizes; set data.resolution")
        images = np.stack(pixels)
        if grey:
            images = images[..., None]
        return Part(images, labels), tuple(getattr(feature, "names", None) or ()) or None

    def _pixels(self, picture: Image.Image, mode: str) -> np.ndarray:
        if picture.mode != mode:
            picture = picture.convert(mode)
        size = self.config.resolution
        if size is not None and picture.size != (size, size):
            picture = picture.resize((size, size), Image.Resampling.BOX)
        return np.asarray(picture, dtype=np.uint8)
