"""The embedded data set: a subset of Fashion-MNIST, so that everything runs offline on real images.

Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", 2017 (MIT licence). ``scripts/build_fashion_mini.py`` makes the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lmreg.config.schema import inherit
from lmreg.data.base import DataConfig, DataSource, Part, RawData
from lmreg.data.fashion_mnist import CLASSES
from lmreg.data.pixels import resize

FILE = Path(__file__).with_suffix(".npz")


@dataclass
class Config(DataConfig):
    name: str = "fashion_mini"
    resolution: int | None = inherit(
        DataConfig, "resolution", help="resize to squares of this size; null: keep 12"
    )
    train_fraction: float = inherit(DataConfig, "train_fraction", 0.666667)
    rank_fraction: float = inherit(DataConfig, "rank_fraction", 0.166667)


class FashionMini(DataSource):
    """Reads small grey images of ten kinds of clothing."""

    def __init__(self, config: Config | None = None):
        self.config = config or Config()

    def read(self) -> RawData:
        with np.load(FILE, allow_pickle=False) as arrays:
            parts = {
                name: Part(
                    resize(arrays[f"{name}_images"][..., None], self.config.resolution),
                    arrays[f"{name}_labels"].astype(np.int64),
                )
                for name in ("train", "test")
            }
        return RawData(parts["train"], parts["test"], CLASSES)
