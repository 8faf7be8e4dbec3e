from __future__ import annotations

import numpy as np
import pytest
import torch

from lmreg.data.base import DataConfig, DataSource, Part, RawData, ReadSummary
from lmreg.data.description import classes_in_words
from lmreg.data.images import ImageData
from lmreg.errors import LmregError


def source(raw: RawData, **options: float) -> DataSource:
    class Given(DataSource):
        config = DataConfig(name="here", **options)  # type: ignore[arg-type]

        def read(self) -> RawData:
            return raw

    return Given()


def data(raw: RawData, **options: float) -> ImageData:
    return ImageData(source(raw, **options), torch.device("cpu"))


def pictures(rng: np.random.Generator, count: int, channels: int = 1) -> np.ndarray:
    return rng.integers(20, 230, (count, 5, 4, channels), dtype=np.uint8)


def labelled(rng: np.random.Generator, classes: int, train: int = 40, test: int = 20) -> RawData:
    parts = [Part(pictures(rng, n), np.arange(n, dtype=np.int64) % classes) for n in (train, test)]
    return RawData(parts[0], parts[1], tuple(f"c{i}" for i in range(classes)))


def test_two_lines_say_what_was_read(rng: np.random.Generator) -> None:
    raw = labelled(rng, 2)
    assert data(raw).description == [
        "Read here: 2 classes (c0, c1); images: 20 train, 10 rank, 10 score, 20 test",
        f"Pixels: 4x5, 1 channel; values {raw.train.images.min()} to {raw.train.images.max()}; "
        "skipped: nothing",
    ]
    reading = ReadSummary(
        "16-bit samples", ("Train/ taken",), ("3 .txt files", "1 hidden file"), ("look here",)
    )
    description = data(RawData(raw.train, raw.test, raw.classes, (0, 9), reading))
    assert description.sample_range == (0, 9)
    assert description.description[0].startswith("Read here: Train/ taken; 2 classes")
    assert description.description[1].endswith("(16-bit samples); skipped: 3 .txt files, 1 hidden file")
    assert description.description[2:] == ["Note: look here"]


def test_many_classes_and_long_names_are_shortened() -> None:
    assert classes_in_words(tuple("abc")) == "3 classes (a, b, c)"
    assert classes_in_words(tuple(map(str, range(100)))) == "100 classes (0, 1, 2, 3, 4, 5, 6, ..., 99)"
    assert classes_in_words(("x" * 40, "y")) == f"2 classes ({'x' * 21}..., y)"


@pytest.mark.parametrize(("value", "what"), [(0, "black"), (255, "white"), (7, "of one shade")])
def test_pictures_of_one_shade_are_refused(rng: np.random.Generator, value: int, what: str) -> None:
    raw = labelled(rng, 2)
    for part, images in (("training", raw.train.images), ("test", raw.test.images)):
        kept = images.copy()
        images[:] = value
        with pytest.raises(
            LmregError, match=rf"here: every {part} picture is {what} \(all samples are {value} of"
        ):
            data(raw)
        images[:] = kept


def test_identical_pictures_are_refused(rng: np.random.Generator) -> None:
    raw = labelled(rng, 2, train=250)
    raw.train.images[:] = raw.train.images[:1]
    with pytest.raises(LmregError, match="here: all 250 training pictures are the same"):
        data(raw)
    raw.train.images[-1, 0, 0] += 1  # a single difference is enough
    data(raw)


def test_odd_data_are_noted(rng: np.random.Generator) -> None:
    raw = labelled(rng, 2)
    dark = RawData(Part(raw.train.images // 64, raw.train.targets), raw.test, ("Cat", "cat"))
    notes = data(dark).description[2:]
    assert notes[0].startswith("Note: pixel values range only from 0 to 3 of 255;")
    assert notes[1] == "Note: the classes 'Cat' and 'cat' differ only by case or spaces"
    images = [pictures(rng, n, 3) for n in (40, 20)]
    images[0][..., 2] = 9
    colour = RawData(Part(images[0], raw.train.targets), Part(images[1], raw.test.targets), raw.classes)
    assert data(colour).description[2:] == [
        "Note: channel 3 has the same value in all training images, so it carries no information"
    ]


def test_blank_images_are_counted(rng: np.random.Generator) -> None:
    raw = labelled(rng, 2)
    raw.train.images[[3, 7]] = np.array([[[[5]]], [[[200]]]])
    raw.test.images[0] = 5
    raw.train.images[8, :, 1:] = raw.train.images[8, :, :1]  # rows of one shade, but not all of the same
    total = len(raw.train.images) + len(raw.test.images)
    assert (
        f"Note: 3 of {total} images are blank: all their pixels have the same colour" in data(raw).description
    )


def test_classes_without_images_are_noted(rng: np.random.Generator) -> None:
    raw = labelled(rng, 2, train=80)
    labels = raw.train.targets.copy()
    labels[0] = 2
    description = data(RawData(Part(raw.train.images, labels), raw.test, ("a", "b", "c", "d"))).description[
        2:
    ]
    assert len(description) == 1
    assert description[0].startswith("Note: classes without an image, by split: train ")
    assert "test 2 (c, d) of 4" in description[0]


def test_splits_of_unknown_classes_are_refused(rng: np.random.Generator) -> None:
    """Each class has one image, so that the other splits only have classes that training lacks."""
    raw = labelled(rng, 300, train=300, test=300)
    message = (
        r"here: 75 of the 75 images of the rank split are of classes without any image in the train split "
    )
    with pytest.raises(LmregError, match=message + r"\(300 classes, 300 training images\)"):
        data(raw)
    data(labelled(rng, 60, train=300, test=60))


def test_a_split_of_one_image_is_refused(rng: np.random.Generator) -> None:
    message = r"here: the score split has only one image \(6 train, 5 rank, 1 score, 4 test\), but batch"
    with pytest.raises(LmregError, match=message):
        data(labelled(rng, 2, train=12, test=4), rank_fraction=0.4)
    with pytest.raises(LmregError, match=r"here: the test split has only one image"):
        data(labelled(rng, 2, train=12, test=1))
    batches = data(labelled(rng, 2, train=12, test=7)).split("test").scoring_batches(2)
    assert sorted(len(batch.images) for batch in batches) == [2, 2, 3]  # none of one image


def maps(rng: np.random.Generator, values: np.ndarray) -> RawData:
    parts = [Part(pictures(rng, len(values)), values.astype(np.float32)) for _ in range(2)]
    return RawData(*parts)


def test_constant_maps_are_refused_or_noted(rng: np.random.Generator) -> None:
    values = rng.random((12, 5, 4)) + 1
    values[0] = np.nan
    values[0, 0, 0] = 3
    values[1] = 2
    description = data(maps(rng, values)).description
    assert description[0] == "Read here: images: 6 train, 3 rank, 3 score, 12 test"
    assert "; maps 1." in description[1]
    assert "to 3, 7.9 % missing; skipped" in description[1]
    assert description[2:] == ["Note: 2 of 12 training maps have a single value"]
    with pytest.raises(LmregError, match="every map of the training part has a single value"):
        data(maps(rng, np.ones((12, 5, 4)) * np.arange(12)[:, None, None]))


def test_names_that_cant_be_printed_are_escaped(rng: np.random.Generator) -> None:
    raw = labelled(rng, 2)
    description = data(RawData(raw.train, raw.test, ("a\nb", "\x1b[31mé"))).description
    assert description[0].startswith("Read here: 2 classes (a\\nb, \\x1b[31mé); images")


def test_duplicate_images_are_noted(rng: np.random.Generator) -> None:
    raw = labelled(rng, 2)
    raw.test.images[:3] = raw.train.images[:3]  # of the same classes
    assert data(raw).description[2:] == [
        "Note: 3 of 20 test images are, pixel for pixel, training images too, so they don't test "
        "generalisation"
    ]
    raw = labelled(rng, 2)
    raw.train.images[:4] = raw.train.images[0]
    assert data(raw).description[2:] == ["Note: 4 images occur, pixel for pixel, in two classes or more"]
