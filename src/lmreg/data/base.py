"""What a data set gives: images and targets of its two official parts, as arrays."""

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
    """Images uint8 [n, height, width, channels] and what is to be predicted of them.

    ``targets`` are labels int64 [n], or maps [n, height, width] with a value per pixel: float32 with NaN
    where it is missing, or int64.
    """

    images: np.ndarray
    targets: np.ndarray

    @property
    def strata(self) -> np.ndarray:
        """int64 [n], the groups that every split has in proportion: the labels; maps are one group."""
        return self.targets if self.targets.ndim == 1 else np.zeros(len(self.targets), np.int64)


@dataclass(frozen=True)
class Reading:
    """What a source tells of how it has read its files, in words."""

    samples: str = ""
    """How samples of more than 8 bits became pixels."""
    taken: tuple[str, ...] = ()
    """What was taken for what, where names don't say so."""
    passed_over: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What the user should know besides, a line each."""


@dataclass(frozen=True)
class RawData:
    """A data set as its source has it."""

    train: Part
    test: Part
    classes: tuple[str, ...] = ()
    """What labels stand for; empty where targets are no labels."""
    sample_range: tuple[float, float] | None = None
    """Of samples of more than 8 bits: which of them became pixel values 0 and 255, see `samples.to_bytes`;
    None where all had 8 bits and are as they were."""
    reading: Reading = Reading()

    def check(self, place: str) -> None:
        """Nothing where it can be trained on.

        Raises:
            LmregError: an empty part, a label that names no class, one class only, a map of another size
                than its image, images that differ in size or channels; the line names ``place``.
        """
        for name, part in (("training", self.train), ("test", self.test)):
            if len(part.images) == 0:
                raise LmregError(f"{place}: the {name} part has no images")
            if len(part.images) != len(part.targets):
                what = "labels" if part.targets.ndim == 1 else "maps"
                raise LmregError(
                    f"{place}: the {name} part has {len(part.images)} images but {len(part.targets)} {what}"
                )
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
            raise LmregError(f"{place}: all training images are of one class ({only}); it takes at least two")
        shapes = [part.images.shape[1:] for part in (self.train, self.test)]
        if shapes[0] != shapes[1]:
            told = " and ".join(f"{w}x{h} with {c} channels" for h, w, c in shapes)
            raise LmregError(
                f"{place}: training and test images differ ({told}); data.resolution makes sizes equal"
            )

    def _check_labels(self, labels: np.ndarray, image: str) -> None:
        count = len(self.classes)
        wrong = np.flatnonzero((labels < 0) | (labels >= count))
        if len(wrong):
            raise LmregError(
                f"{image} {wrong[0]} has label {labels[wrong[0]]}; "
                f"with {count} classes labels go from 0 to {count - 1}"
            )


@dataclass(frozen=True)
class InputShape:
    """Shape of one input image."""

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
        0.5, min=0, max=1, help="share of the training images that the weights are fitted to"
    )
    rank_fraction: float = option(
        0.25,
        min=0,
        max=1,
        help="share that orders landmarks and feeds the regulariser; the rest scores sub-nets",
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
        """Nothing where a random crop of images of ``shape`` can't miss them.

        Raises:
            LmregError: the padding is wider than they are.
        """
        if self.crop_padding > min(shape.height, shape.width):
            raise LmregError(
                f"data.crop_padding={self.crop_padding}: the images have only {shape.width}x{shape.height} "
                "pixels"
            )

    def cutout_pixels(self, shape: InputShape) -> int:
        """Side of the blanked square in images of ``shape``.

        Raises:
            LmregError: it isn't a whole number of pixels that fit.
        """
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
        None,
        help="[low,high] of samples of more than 8 bits, which become black and white; null: as measured",
        before=None,
    )


class DataSource(ABC):
    """Reads a data set. Where the files are and which columns to take is its own Config's."""

    config: DataConfig
    gives: str = LABELS
    """What its targets are; a task takes them if that is what it `takes`."""

    @property
    def place(self) -> str:
        """Where the data comes from, for messages."""
        path = getattr(self.config, "path", None)
        return self.config.name if path is None else f"data.path={path}"

    @abstractmethod
    def read(self) -> RawData:
        """The images and targets.

        Raises:
            LmregError: files are missing or don't hold what they should.
        """


def data_folder(path: str | None, name: str, holds: str) -> Path:
    """The folder that ``data.path`` names.

    Args:
        holds: what should be in it, for messages.

    Raises:
        LmregError: none was given, or there is no such folder.
    """
    if path is None:
        raise LmregError(f"data={name} needs data.path=<folder with {holds}>")
    folder = Path(path)
    if folder.is_file():
        raise LmregError(f"data.path={path} is a file; unpack it and name the folder with {holds}")
    if not folder.is_dir():
        raise LmregError(f"data.path={path}: there is no such folder")
    return folder
