"""Fashion-MNIST, or any ten-class data set in the same format: four IDX files, gzipped or not.

Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", 2017; the format: LeCun, Cortes, Burges, "The MNIST database".
"""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lmreg.config.schema import inherit, option
from lmreg.data.base import DataConfig, DataSource, Part, RawData, ReadSummary, data_folder
from lmreg.data.pixels import resize
from lmreg.data.walk import describe_unread, matching_files
from lmreg.errors import LmregError

CLASSES = (
    *("T-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)


@dataclass
class Config(DataConfig):
    name: str = "fashion_mnist"
    path: str | None = option(
        None, text="path", result=False, help="folder with the four IDX files, gzipped or not"
    )
    resolution: int | None = inherit(
        DataConfig, "resolution", help="resize to squares of this size; null: keep 28"
    )
    crop_padding: int = inherit(DataConfig, "crop_padding", 2)
    flip: bool = inherit(DataConfig, "flip", True)


class FashionMNIST(DataSource):
    """Reads grey images, 28 × 28, of ten kinds of clothing."""

    def __init__(self, config: Config):
        self.config: Config = config

    def read(self) -> RawData:
        names = [
            [f"{prefix}-images?idx3-ubyte", f"{prefix}-labels?idx1-ubyte"] for prefix in ("train", "t10k")
        ]
        files = [[self._file(name) for name in pair] for pair in names]
        train, test = (self._part(*pair) for pair in files)
        skipped = describe_unread(
            Path(self.config.path or ""), [*files[0], *files[1]], ("-ubyte", "-ubyte.gz")
        )
        return RawData(train, test, CLASSES, summary=ReadSummary(skipped=skipped))

    def _part(self, image_file: Path, label_file: Path) -> Part:
        images, labels = read_idx(image_file, 3), read_idx(label_file, 1)
        if len(images) != len(labels):
            raise LmregError(
                f"{image_file} has {len(images)} images, but {label_file} has {len(labels)} labels"
            )
        if len(labels) and labels.max() >= len(CLASSES):
            raise LmregError(
                f"{label_file} has label {labels.max()}; labels range from 0 to {len(CLASSES) - 1}"
            )
        return Part(resize(images[..., None], self.config.resolution), labels.astype(np.int64))

    def _file(self, pattern: str) -> Path:
        """Return the file of that name, gzipped or not, in the folder or below it."""
        name = pattern.replace("?", "-")
        folder = data_folder(self.config.path, self.config.name, "the four IDX files")
        found = sorted(path for end in ("", ".gz") for path in matching_files(folder, pattern + end))
        if not found:
            raise LmregError(f"data.path={folder}: there is no {name} or {name}.gz in that folder")
        if len({path.parent for path in found}) > 1:
            places = ", ".join(str(path.parent) for path in found)
            raise LmregError(f"data.path={folder} has several data sets: {places}; pass one of them")
        return found[0]


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Return the content of an IDX file (gzipped if its name ends in .gz) as a uint8 array with that number
    of dimensions; raise LmregError if it is no such file or truncated."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = bytearray(file.read())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise LmregError(f"can't read {path}: {error}; download it again") from error
    except OSError as error:
        raise LmregError(f"can't read {path}: {error.strerror}") from error
    header = 4 + 4 * dimensions
    if len(content) < header or bytes(content[:4]) != bytes((0, 0, 8, dimensions)):
        raise LmregError(f"{path} is not an IDX file of unsigned bytes in {dimensions} dimensions")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4))
    if len(content) - header != math.prod(shape):
        announced = "x".join(map(str, shape))
        raise LmregError(
            f"{path} has {len(content) - header} values instead of the {announced} that its header says; "
            "download it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
