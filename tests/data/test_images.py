from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from lmreg.data.base import DataConfig, DataSource, Part, RawData
from lmreg.data.images import BatchStream, ImageData, Split
from lmreg.errors import LmregError

CPU = torch.device("cpu")


@dataclass
class Given(DataSource):
    """A data set of numbered images: every pixel of image i has a value that tells i and the place."""

    labels: np.ndarray
    config: DataConfig = field(default_factory=DataConfig)

    def read(self) -> RawData:
        images = np.random.default_rng(0).integers(1, 255, (len(self.labels), 6, 5, 3), dtype=np.uint8)
        return RawData(Part(images, self.labels), Part(images[:20] // 2, self.labels[:20]), ("a", "b"))


def plain_split(images: np.ndarray, padding: int = 0, flip: bool = False) -> Split:
    labels = np.arange(len(images))
    channels = images.shape[-1]
    return Split(Part(images, labels), torch.zeros(channels), torch.ones(channels), padding, flip)


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(1, 255, (40, 6, 5, 3), dtype=np.uint8)


def test_plain_images_are_what_was_read(images: np.ndarray) -> None:
    batch = plain_split(images, padding=2).plain(torch.tensor([3, 1]))
    np.testing.assert_array_equal(batch.images.permute(0, 2, 3, 1), images[[3, 1]].astype(np.float32))
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.targets.tolist() == [3, 1]


def test_every_augmented_image_is_a_crop_or_its_mirror(images: np.ndarray) -> None:
    data = plain_split(images, padding=2, flip=True)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    batch = data.augmented(torch.arange(40), torch.Generator().manual_seed(0))
    places = set()
    for i, got in enumerate(batch.images.permute(0, 2, 3, 1).numpy()):
        matches = [
            (top, left, mirrored)
            for top in range(5)
            for left in range(5)
            for mirrored in (False, True)
            if np.array_equal(
                got, padded[i, top : top + 6, left : left + 5][:, :: -1 if mirrored else 1].astype(np.float32)
            )
        ]
        assert matches, f"image {i} is no crop of its original"
        places.add(matches[0])
    assert len(places) > 20  # each image has its own place
    assert {mirrored for _, _, mirrored in places} == {False, True}


def test_augmentation_repeats_from_its_generator(images: np.ndarray) -> None:
    data = plain_split(images, padding=1, flip=True)
    one, two = (data.augmented(torch.arange(9), torch.Generator().manual_seed(5)).images for _ in range(2))
    assert torch.equal(one, two)


def test_an_epoch_shows_every_image_once(images: np.ndarray) -> None:
    stream = BatchStream(plain_split(images), 8, torch.Generator().manual_seed(0))
    epochs = [[t for _ in range(5) for t in next(stream).targets.tolist()] for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(40))
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("steps", [0, 3, 5, 6])
def test_a_stream_resumes_exactly(images: np.ndarray, steps: int) -> None:
    def fresh() -> tuple[BatchStream, torch.Generator]:
        generator = torch.Generator().manual_seed(0)
        return BatchStream(plain_split(images, 1, True), 8, generator), generator

    stream, generator = fresh()
    for _ in range(steps):
        next(stream)
    state, noise = stream.state_dict(), generator.get_state()
    expected = [next(stream) for _ in range(7)]
    resumed, other = fresh()
    resumed.load_state_dict(state)
    other.set_state(noise)
    for batch in expected:
        again = next(resumed)
        assert torch.equal(batch.images, again.images)
        assert torch.equal(batch.targets, again.targets)


def test_a_batch_larger_than_the_split_is_refused(images: np.ndarray) -> None:
    with pytest.raises(LmregError, match="a batch of 41 needs more images than the 40"):
        BatchStream(plain_split(images), 41, torch.Generator())


def test_scoring_batches_mix_classes_whatever_the_order() -> None:
    labels = np.repeat(np.arange(10), 50)
    part = Part(np.zeros((500, 4, 4, 1), np.uint8), labels)
    data = Split(part, torch.zeros(1), torch.ones(1), 0, False)
    batches = data.scoring_batches(100)
    assert sorted(t for b in batches for t in b.targets.tolist()) == labels.tolist()
    for batch in batches:
        assert torch.bincount(batch.targets, minlength=10).min() >= 8
    few = data.scoring_batches(200, limit=130)
    assert [len(b.targets) for b in few] == [130]
    assert torch.bincount(few[0].targets, minlength=10).min() >= 11


def test_splits_share_no_image_and_are_recorded_by_hash() -> None:
    labels = np.tile([0, 1], 100)
    data = ImageData(Given(labels), CPU)
    assert data.sizes == {"train": 100, "rank": 50, "score": 50, "test": 20}
    every = {name: data.split(name).plain(torch.arange(data.sizes[name])).images for name in data.sizes}
    rows = [tuple(image.flatten().tolist()) for name in ("train", "rank", "score") for image in every[name]]
    assert len(set(rows)) == 200
    assert data.hash == ImageData(Given(labels), CPU).hash
    other = ImageData(Given(labels, DataConfig(train_fraction=0.4)), CPU)
    changed = ImageData(Given(1 - labels), CPU)
    assert len({data.hash, other.hash, changed.hash}) == 3


def test_images_are_normalised_by_the_train_split() -> None:
    data = ImageData(Given(np.tile([0, 1], 100)), CPU)
    train = data.split("train").plain(torch.arange(100)).images
    torch.testing.assert_close(train.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(train.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-4, rtol=0)
