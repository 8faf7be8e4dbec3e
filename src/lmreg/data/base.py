"""What a data set gives: images and targets of its two official parts, as arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from lmreg.config.schema import option


@dataclass(frozen=True)
class Part:
    """Images uint8 [n, height, width, channels] with labels int64 [n]."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class RawData:
    """A data set as its source has it."""

    train: Part
    test: Part
    classes: tuple[str, ...]


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
    train_fraction: float = option(0.5, min=0, max=1, help="of the training images, for the weights")
    rank_fraction: float = option(0.25, min=0, max=1, help="of the training images, for the regulariser")
    crop_padding: int = option(0, min=0, help="pixels of zero padding for random crops; 0 for none")
    flip: bool = option(False, help="mirror half of the training images")


class DataSource(ABC):
    """Reads a data set. Where the files are and which columns to take is its own Config's."""

    config: DataConfig

    @abstractmethod
    def read(self) -> RawData:
        """The images and labels.

        Raises:
            LmregError: files are missing or don't hold what they should.
        """
