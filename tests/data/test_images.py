from __future__ import annotations

import inspect
import tracemalloc
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from lmreg.data.base import DataConfig, DataSource, Part, RawData
from lmreg.data.fashion_mini import Config as FashionMiniConfig
from lmreg.data.fashion_mini import FashionMini
from lmreg.data.images import BatchStream, ImageData, Split
from lmreg.data.pixels import resize
from lmreg.errors import LmregError
from lmreg.network.base import count_macs
from lmreg.network.nasbench201 import Config as NetworkConfig
from lmreg.network.nasbench201 import NASBench201Network
from lmreg.space.nasbench201 import NASBench201
from lmreg.task.classification import Classification
from lmreg.train.optimise import TrainerConfig
from lmreg.train.random_streams import Streams
from lmreg.train.standalone import standalone_training

CPU = torch.device("cpu")


@dataclass
class Given(DataSource):
    """A data set of numbered images: a pixel's value identifies the image and its position in it."""

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


def test_plain_images_are_unchanged(images: np.ndarray) -> None:
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
    assert len(places) > 20  # each image has its own crop
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


def test_without_cutout_nothing_is_drawn_for_it(images: np.ndarray) -> None:
    """Without cutout, images and the stream's state are the same as before the option existed."""
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    mine, none = (
        Split(Part(images, np.arange(40)), torch.zeros(3), torch.ones(3), 2, True, cutout).augmented(
            torch.arange(40), generator
        )
        for cutout, generator in zip((3, 0), generators, strict=True)
    )
    kept = mine.images != 0
    assert torch.equal(mine.images[kept], none.images[kept])  # cutout comes after crop and mirror
    assert not torch.equal(mine.images, none.images)
    assert not torch.equal(generators[0].get_state(), generators[1].get_state())
    by_hand = torch.Generator().manual_seed(3)
    for _ in range(2):
        torch.randint(5, (40, 1), generator=by_hand)
    torch.rand((40, 1), generator=by_hand)
    assert torch.equal(by_hand.get_state(), generators[1].get_state())


@pytest.mark.parametrize("side", [1, 2, 3, 5])
def test_cutout_blanks_a_square_around_any_place(images: np.ndarray, side: int) -> None:
    data = Split(Part(images, np.arange(40)), torch.zeros(3), torch.ones(3), 0, False, side)
    generator = torch.Generator().manual_seed(0)
    centres = set()
    for _ in range(20):
        batch = data.augmented(torch.arange(40), generator)
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        for i, got in enumerate(batch.images.permute(0, 2, 3, 1).numpy()):
            blank = (got == 0).all(-1)
            matches = []
            for y in range(6):  # as in the paper's code, for odd sides too
                for x in range(5):
                    hole = np.zeros((6, 5), bool)
                    top, left = y - side // 2, x - side // 2
                    hole[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = True
                    if np.array_equal(hole, blank):
                        matches.append((y, x))
            assert matches
            np.testing.assert_array_equal(got[~blank], images[i][~blank])
            if len(matches) == 1:
                centres.add(matches[0])
    if side < 4:
        assert len(centres) == 30  # every pixel, the corners too


def test_a_cut_out_square_is_blank_after_normalisation() -> None:
    labels = np.tile([0, 1], 100)
    data = ImageData(Given(labels, DataConfig(cutout=4)), CPU)
    batch = data.split("train").augmented(torch.arange(100), torch.Generator().manual_seed(0))
    blank = (batch.images == 0).all(1)
    assert blank.sum((1, 2)).min() >= 4  # a quarter of the square if its centre is in a corner
    assert blank.sum((1, 2)).max() == 16
    for name in ("rank", "score", "test"):  # plain images have no cutout
        assert not (data.split(name).plain(torch.arange(20)).images == 0).all(1).any()


def test_padding_wider_than_the_images_is_refused() -> None:
    labels = np.tile([0, 1], 100)
    ImageData(Given(labels, DataConfig(crop_padding=5)), CPU)
    with pytest.raises(LmregError, match=r"data.crop_padding=6: the images have only 5x6 pixels"):
        ImageData(Given(labels, DataConfig(crop_padding=6)), CPU)


def test_splits_share_their_pixels() -> None:
    data = ImageData(Given(np.tile([0, 1], 100), DataConfig(crop_padding=1)), CPU)
    places = {name: data.split(name)._padded.data_ptr() for name in ("train", "rank", "score", "test")}
    assert places["train"] == places["rank"] == places["score"] != places["test"]
    assert not any(isinstance(part, Part) for part in data._parts.values())  # the arrays are released


def test_reading_takes_little_more_memory_than_the_images() -> None:
    labels = np.tile(np.arange(10), 400)

    class Large(DataSource):
        config = DataConfig()

        def read(self) -> RawData:
            pixels = np.random.default_rng(0).integers(255, size=(5000, 32, 32, 3), dtype=np.uint8)
            return RawData(
                Part(pixels[:4000], labels), Part(pixels[4000:], labels[:1000]), tuple("abcdefghij")
            )

    tracemalloc.start()
    data = ImageData(Large(), CPU)
    for name in ("train", "rank", "score", "test"):
        data.split(name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * 5000 * 32 * 32 * 3


@pytest.mark.parametrize(
    ("train", "test", "classes", "message"),
    [
        ([0, 1, 2], [0], "ab", "training image 2 has label 2; with 2 classes labels range from 0 to 1"),
        ([0, 1], [0, -1], "ab", "test image 1 has label -1; with 2 classes labels range from 0 to 1"),
        ([1, 1, 1], [0], "ab", r"all training images are of one class \(b\); at least two are needed"),
        ([], [0], "ab", "the training part has no images"),
        ([0, 1], [], "ab", "the test part has no images"),
        ([0, 1], [0], "ab", "here: the score split would be empty: there are only 2 images"),
    ],
)
def test_unusable_data_are_refused(train: list[int], test: list[int], classes: str, message: str) -> None:
    parts = [Part(np.ones((len(x), 4, 4, 1), np.uint8), np.array(x, np.int64)) for x in (train, test)]

    class Faulty(DataSource):
        config = DataConfig(name="here")

        def read(self) -> RawData:
            return RawData(parts[0], parts[1], tuple(classes))

    with pytest.raises(LmregError, match=message) as error:
        ImageData(Faulty(), CPU)
    assert "here" in str(error.value)


@pytest.mark.parametrize(
    ("images", "targets", "message"),
    [
        (np.ones((9, 6, 5), np.uint8), np.zeros(9, np.int64), r"images .*channels\], not uint8 \[9, 6, 5\]"),
        (np.ones((9, 6, 5, 1), np.float32), np.zeros(9, np.int64), "images must be uint8 .*, not float32"),
        (np.ones((9, 6, 5, 1), np.uint8), np.zeros(9), r"targets must be labels int64 .*, not float64 \[9\]"),
        (
            np.ones((9, 6, 5, 1), np.uint8),
            np.zeros((9, 2), np.int64),
            r"targets must be .*, not int64 \[9, 2\]",
        ),
    ],
)
def test_arrays_of_the_wrong_kind_are_refused(images: np.ndarray, targets: np.ndarray, message: str) -> None:
    part = Part(images, targets)
    with pytest.raises(LmregError, match=message):
        RawData(part, part, ("a", "b")).check("data=mine")


def test_parts_of_different_shape_are_refused() -> None:
    parts = [Part(np.ones((4, size, 4, 1), np.uint8), np.array([0, 1, 0, 1])) for size in (4, 5)]
    with pytest.raises(LmregError, match=r"here: training and test .* \(4x4 with 1 channels and 4x5 with"):
        RawData(parts[0], parts[1], ("a", "b")).check("here")


def test_more_classes_change_the_hash() -> None:
    """The number of classes changes the network, although images and labels stay the same."""
    source = Given(np.tile([0, 1], 100))
    more = Given(np.tile([0, 1], 100))
    raw = source.read()
    more.read = lambda: RawData(raw.train, raw.test, ("a", "b", "c"))  # type: ignore[method-assign]
    assert ImageData(source, CPU).hash != ImageData(more, CPU).hash


def test_the_hash_of_the_embedded_data_is_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies made with earlier versions are recognised by this hash."""
    monkeypatch.setattr(FashionMini, "read", inspect.unwrap(FashionMini.read))  # all of its images
    config = FashionMiniConfig(train_fraction=0.666667, rank_fraction=0.166667)
    data = ImageData(FashionMini(config), CPU)
    assert data.hash == "8354632c770634fd"
    assert data._mean.item() == 73.2819595336914
    assert data._std.item() == 79.465576171875


@dataclass
class Few(DataSource):
    """Return a few of the embedded images at a resolution."""

    config: DataConfig

    def read(self) -> RawData:
        raw = FashionMini().read()
        images = resize(raw.train.images[:100], self.config.resolution)
        return RawData(
            Part(images, raw.train.targets[:100]), Part(images, raw.train.targets[:100]), raw.classes
        )


@pytest.mark.parametrize("resolution", [4, 5, 7, 14, 17, 33])
def test_any_resolution_trains(resolution: int, space: NASBench201, rng: np.random.Generator) -> None:
    """The super-net and a stand-alone network do one step on images of that size."""
    data = ImageData(Few(DataConfig(resolution=resolution, crop_padding=1, cutout=3)), CPU)
    assert (data.shape.height, data.shape.width) == (resolution, resolution)
    task, config = Classification(), TrainerConfig(steps=1, batch_size=8)
    arch = space.sample(rng)
    net = NASBench201Network(NetworkConfig(channels=2), space, data.shape, len(data.classes))
    for trained in (net, net.extract(arch).net):
        before = trained.get_parameter("classifier.weight").clone()
        standalone_training(trained, arch, space, task, data, Streams(0, CPU), config).run()  # type: ignore[arg-type]
        assert torch.isfinite(trained.get_parameter("classifier.weight")).all()
        assert not torch.equal(trained.get_parameter("classifier.weight"), before)
    assert count_macs(net.standalone(arch), data.shape) > 0


def test_the_embedded_images_take_a_resolution() -> None:
    raw = FashionMini(FashionMiniConfig(resolution=7)).read()
    assert raw.train.images.shape == (1_200, 7, 7, 1)
    assert raw.test.images.shape == (400, 7, 7, 1)


def with_maps(kind: type = np.float32, padding: int = 2, flip: bool = True) -> Split:
    """Maps that equal their images still do after augmentation."""
    images = np.random.default_rng(3).integers(1, 255, (12, 7, 6, 1), dtype=np.uint8)
    return Split(Part(images, images[..., 0].astype(kind)), torch.zeros(1), torch.ones(1), padding, flip)


def test_maps_move_with_their_images_and_are_missing_beyond_the_border() -> None:
    index = torch.arange(12)
    plain = with_maps().plain(index)
    assert plain.targets.shape == (12, 7, 6)
    assert torch.equal(plain.targets, plain.images[:, 0])
    moved = with_maps().augmented(index, torch.Generator().manual_seed(1))
    assert not torch.equal(moved.images, plain.images)
    inside = moved.images[:, 0] > 0  # only padding is 0
    assert 0.5 < inside.float().mean() < 1
    assert torch.equal(moved.targets[inside], moved.images[:, 0][inside])
    assert moved.targets[~inside].isnan().all()


def test_maps_of_labels_have_the_ignored_label_beyond_the_border() -> None:
    moved = with_maps(np.int64).augmented(torch.arange(12), torch.Generator().manual_seed(1))
    outside = moved.images[:, 0] == 0
    assert outside.any()
    assert (moved.targets[outside] == -100).all()
    assert torch.equal(moved.targets[~outside], moved.images[:, 0][~outside].long())


def test_subsets_and_scoring_batches_of_maps() -> None:
    some = with_maps().subset(np.array([5, 2, 9, 4]), "some")
    batches = some.scoring_batches(3)
    assert [len(batch.targets) for batch in batches] == [2, 2]
    for batch in batches:
        assert torch.equal(batch.targets, batch.images[:, 0])


def test_maps_of_another_size_than_their_images_are_refused() -> None:
    images = np.zeros((4, 8, 6, 3), np.uint8)
    good, bad = Part(images, np.ones((4, 8, 6))), Part(images, np.ones((4, 6, 8)))
    RawData(good, good).check("here")
    with pytest.raises(LmregError, match=r"here: the test part's maps have 8x6 pixels, its images 6x8"):
        RawData(good, bad).check("here")
    with pytest.raises(LmregError, match="4 images but 3 maps"):
        RawData(Part(images, good.targets[:3]), good).check("here")
