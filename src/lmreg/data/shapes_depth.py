"""The built-in data set for depth: scenes that are rendered when needed, so that everything runs offline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmreg.config.schema import inherit, option
from lmreg.data.base import DataConfig, DataSource, Part, RawData
from lmreg.data.scenes import draw_scenes, render_scenes
from lmreg.task.depth import INVERSE_DEPTH
from lmreg.util.machine import check_memory

SIDE = 32


@dataclass
class Config(DataConfig):
    name: str = "shapes_depth"
    scenes: int = option(3000, min=4, help="training images, of which the splits are made")
    test_scenes: int = option(750, min=1, help="test images")
    scene_seed: int = option(0, min=0, help="seed of the scenes, which seed= leaves as they are")
    resolution: int | None = inherit(DataConfig, "resolution", help="pixels of a side; null: 32")
    flip: bool = inherit(DataConfig, "flip", True, help="mirror half of the training images with their depth")


class ShapesDepth(DataSource):
    """Spheres and boxes on a textured ground in front of a wall, with exact depth; the sky has none."""

    gives = INVERSE_DEPTH

    def __init__(self, config: Config | None = None):
        self.config: Config = config or Config()

    def read(self) -> RawData:
        config = self.config
        side = SIDE if config.resolution is None else config.resolution
        check_memory(config.scenes + config.test_scenes, (side, side, 3 + 4), self.place)  # colours and depth
        streams = np.random.default_rng(config.scene_seed).spawn(2)
        train, test = (
            render_scenes(draw_scenes(rng, count), side)
            for rng, count in zip(streams, (config.scenes, config.test_scenes), strict=True)
        )
        return RawData(Part(train[0], 1 / train[1]), Part(test[0], 1 / test[1]))
