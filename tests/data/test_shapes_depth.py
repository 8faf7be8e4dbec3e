from __future__ import annotations

import numpy as np
import pytest
import torch

from lmreg.data.images import ImageData
from lmreg.data.shapes_depth import Config, ShapesDepth
from lmreg.errors import LmregError
from lmreg.task.depth import Depth


def data(**options: int) -> ImageData:
    return ImageData(ShapesDepth(Config(**{"scenes": 40, "test_scenes": 8, **options})), torch.device("cpu"))  # type: ignore[arg-type]


def test_images_with_their_inverse_depth() -> None:
    raw = ShapesDepth(Config(scenes=12, test_scenes=5)).read()
    assert raw.train.images.shape == (12, 32, 32, 3)
    assert raw.test.targets.shape == (5, 32, 32)
    assert raw.train.targets.dtype == np.float32
    assert np.nanmin(raw.train.targets) > 0
    assert not np.isinf(raw.train.targets).any()
    assert raw.classes == ()
    assert ShapesDepth(Config(scenes=4, test_scenes=1, resolution=20)).read().test.images.shape == (
        1,
        20,
        20,
        3,
    )


def test_images_that_exceed_the_memory_are_refused() -> None:
    with pytest.raises(
        LmregError, match=r"shapes_depth: 3,750 images of 100000x100000 pixels take .* smaller"
    ):
        ShapesDepth(Config(resolution=100_000)).read()


def test_the_parts_have_no_scene_in_common() -> None:
    raw = ShapesDepth(Config(scenes=30, test_scenes=30, resolution=12)).read()
    images = np.concatenate([raw.train.images, raw.test.images]).reshape(60, -1)
    assert len(np.unique(images, axis=0)) == 60


def test_splits_follow_the_scene_seed_alone() -> None:
    assert data().sizes == {"train": 20, "rank": 10, "score": 10, "test": 8}
    assert data().hash == data().hash != data(scene_seed=1).hash


def test_augmented_batches_suit_the_task() -> None:
    task, split = Depth(), data(crop_padding=4, flip=True, cutout=6).split("train")
    batch = split.augmented(torch.arange(8), torch.Generator().manual_seed(0))
    assert batch.targets.isnan().any()
    right = batch.targets.nan_to_num()[:, None]
    assert task.loss(right, batch.targets).item() == 0
    plain = split.plain(torch.arange(8)).targets.nan_to_num()[:, None]
    assert task.loss(plain, batch.targets).item() > 0.1  # as plain maps aren't augmented
