"""Data sets as arrays: images and targets of the official training and test parts, and how to read them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.task.base import LABELS


@dataclass(frozen=True)
class Part:
    """Images uint8 [n, height, width, channels] and the targets to predict from them.

    ``targets`` are labels int64 [n], or maps [n, height, width] with one value per pixel: float32 (NaN where
    the value is missing) or int64.
    """

    images: np.ndarray
    targets: np.ndarray

    def check_arrays(self, place: str) -> None:
        """Check the arrays' types and numbers of dimensions."""
        images, targets = (f"{array.dtype} {list(array.shape)}" for array in (self.images, self.targets))
        if (self.images.dtype, self.images.ndim) != (np.uint8, 4):
            raise LmregError(f"{place}: images must be uint8 [n, height, width, channels], not {images}")
        is_map = self.targets.ndim == 3 and self.targets.dtype.kind in "fi"
        if not is_map and (self.targets.dtype, self.targets.ndim) != (np.int64, 1):
            maps = "maps float32 or int64 [n, height, width]"
            raise LmregError(f"{place}: targets must be labels int64 [n] or {maps}, not {targets}")

    @property
    def strata(self) -> np.ndarray:
        """Groups int64 [n] whose proportions every split keeps: the labels; maps form a single group."""
        return self.targets if self.targets.ndim == 1 else np.zeros(len(self.targets), np.int64)


@dataclass(frozen=True)
class ReadSummary:
    """How a source has read its files, in words for the user."""

    sample_mapping: str = ""
    """How samples of more than 8 bits became pixels."""
    assumptions: tuple[str, ...] = ()
    """Which folders were taken for which parts if their names aren't the expected ones."""
    skipped: tuple[str, ...] = ()
    """Files and folders that weren't read."""
    notes: tuple[str, ...] = ()
    """Anything else that the user should know, one line each."""


@dataclass(frozen=True)
class RawData:
    """A data set as its source provides it."""

    train: Part
    test: Part
    classes: tuple[str, ...] = ()
    """The names of the labels' classes; empty if the targets aren't labels."""
    sample_range: tuple[float, float] | None = None
    """The samples of more than 8 bits that became pixel values 0 and 255, see `bit_depth.to_bytes`; None if
    all samples have 8 bits, which stay as they are."""
    summary: ReadSummary = ReadSummary()

    def check(self, place: str) -> None:
        """Check that a network can be trained on the data: no part is empty, labels name classes, of which
        there are two or more, maps have their image's size, and all images one size and number of channels.
        """
        for name, part in (("training", self.train), ("test", self.test)):
            if len(part.images) == 0:
                raise LmregError(f"{place}: the {name} part has no images")
            if len(part.images) != len(part.targets):
                kind = "labels" if part.targets.ndim == 1 else "maps"
                raise LmregError(
                    f"{place}: the {name} part has {len(part.images)} images but {len(part.targets)} {kind}"
                )
            part.check_arrays(place)
            if part.targets.ndim == 1:
                self._check_labels(part.targets, f"{place}: {name} image")
            elif part.targets.shape != part.images.shape[:3]:
                (h, w), (rows, columns) = part.targets.shape[1:], part.images.shape[1:3]
                raise LmregError(
                    f"{place}: the {name} part's maps have {w}x{h} pixels, its images {columns}x{rows}"
                )
        labels = self.train.targets
        if labels.ndim == 1 and labels.min() == labels.max():
            only = self.classes[labels[0]]
            raise LmregError(
                f"{place}: all training images are of one class ({only}); at least two are needed"
            )
        shapes = [part.images.shape[1:] for part in (self.train, self.test)]
        if shapes[0] != shapes[1]:
            both = " and ".join(f"{w}x{h} with {c} channels" for h, w, c in shapes)
            raise LmregError(
                f"{place}: training and test images differ ({both}); data.resolution makes sizes equal"
            )

    def _check_labels(self, labels: np.ndarray, image: str) -> None:
        count = len(self.classes)
        wrong = np.flatnonzero((labels < 0) | (labels >= count))
        if len(wrong):
            raise LmregError(
                f"{image} {wrong[0]} has label {labels[wrong[0]]}; "
                f"with {count} classes labels range from 0 to {count - 1}"
            )


@dataclass(frozen=True)
class InputShape:
    """The shape of one input image."""

    channels: int
    height: int
    width: int


@dataclass
class DataConfig:
    """What every data set's config has."""

    name: str = "data"
    resolution: int | None = option(
        None,
        min=4,
        help="scale the shorter side to so many pixels and keep the middle square; null: keep the size, "
        "which all images must share",
    )
    train_fraction: float = option(
        0.5, min=0, max=1, help="share of the training images that fit the weights"
    )
    rank_fraction: float = option(
        0.25,
        min=0,
        max=1,
        help="share that orders landmarks, feeds the regulariser; the rest scores sub-nets",
    )
    crop_padding: int = option(0, min=0, help="pixels of zero padding for random crops; 0: no crops")
    flip: bool = option(False, help="mirror half of the training images; suits photos, not letters or digits")
    cutout: float = option(
        0,
        min=0,
        help="side of a square that is blanked in each training image: in pixels, or below 1 as a share of "
        "the shorter side; 0: none",
    )

    def check_padding(self, shape: InputShape) -> None:
        """Check that every random crop of a padded image of ``shape`` contains some of the image."""
        if self.crop_padding > min(shape.height, shape.width):
            raise LmregError(
                f"data.crop_padding={self.crop_padding}: the images have only {shape.width}x{shape.height} "
                "pixels"
            )

    def cutout_pixels(self, shape: InputShape) -> int:
        """Return the side in pixels of the square that is blanked in images of ``shape``; it must fit."""
        shorter = min(shape.height, shape.width)
        side = round(self.cutout * shorter) if self.cutout < 1 else self.cutout
        if side != int(side):
            raise LmregError(
                f"data.cutout={self.cutout}: must be a whole number of pixels, or below 1 a share of the "
                "shorter side"
            )
        if side > shorter:
            raise LmregError(
                f"data.cutout={self.cutout:g}: the images have only {shape.width}x{shape.height} pixels"
            )
        return int(side)


@dataclass
class DeepDataConfig(DataConfig):
    """The config of data whose samples may have more than 8 bits."""

    value_range: list[float] | None = option(
        None, before=None, help="[low,high] of samples of more than 8 bits: black, white; null: as measured"
    )


class DataSource(ABC):
    """Reads a data set from the place that its Config describes."""

    config: DataConfig
    gives: str = LABELS
    """The kind of its targets; a task accepts the data set if it `takes` this kind."""

    @property
    def place(self) -> str:
        """The data set's origin, for messages."""
        path = getattr(self.config, "path", None)
        return self.config.name if path is None else f"data.path={path}"

    @abstractmethod
    def read(self) -> RawData:
        """Read the images and targets; raise LmregError if files are missing or don't contain what they
        should."""


def data_folder(path: str | None, name: str, holds: str) -> Path:
    """Return the folder that ``data.path`` names; ``holds`` says for messages what it should contain."""
    if path is None:
        raise LmregError(f"data={name} needs data.path=<folder with {holds}>")
    folder = Path(path)
    if folder.is_file():
        raise LmregError(f"data.path={path} is a file; unpack it and pass the folder with {holds}")
    if not folder.is_dir():
        raise LmregError(f"data.path={path}: there is no such folder")
    return folder
