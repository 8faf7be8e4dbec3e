from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lmreg.data.fashion_mini import FashionMini
from lmreg.data.folder import Config, ImageFolder
from lmreg.data.images import ImageData
from lmreg.errors import LmregError


def read(folder: Path, **options: object):  # type: ignore[no-untyped-def]
    return ImageFolder(Config(path=str(folder), **options)).read()  # type: ignore[arg-type]


def fill(folder: Path, label: int, count: int, suffix: str = "png") -> np.ndarray:
    """Save ``count`` real images of a class in ``folder``."""
    folder.mkdir(parents=True)
    raw = FashionMini().read().train
    images = raw.images[raw.targets == label][:count, ..., 0]
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:03}.{suffix}")
    return images


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    for label, (name, count) in enumerate((("bag", 40), ("coat", 20), ("shoe", 10))):
        fill(tmp_path / name, label, count)
    return tmp_path


@pytest.fixture
def parted(tmp_path: Path) -> Path:
    for part, count in (("train", 12), ("test", 5)):
        for label, name in enumerate(("bag", "coat")):
            fill(tmp_path / part / name, label, count)
    return tmp_path


def rows(images: np.ndarray) -> Counter[bytes]:
    return Counter(image.tobytes() for image in images)


def test_a_test_part_is_split_off_by_class_the_same_every_time(flat: Path) -> None:
    raw = read(flat)
    assert raw.classes == ("bag", "coat", "shoe")
    assert (len(raw.train.targets), len(raw.test.targets)) == (56, 14)
    assert np.abs(np.bincount(raw.test.targets) - [8, 4, 2]).max() <= 1
    every = [np.asarray(Image.open(path)) for path in sorted(flat.rglob("*.png"))]
    assert rows(np.concatenate([raw.train.images, raw.test.images])) == rows(np.stack(every))
    again = read(flat)
    np.testing.assert_array_equal(raw.train.images, again.train.images)
    np.testing.assert_array_equal(raw.test.targets, again.test.targets)
    # The order in which the files were written doesn't matter either.
    moved = flat.parent / "moved"
    for path in sorted(flat.rglob("*.png"), reverse=True):
        (moved / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, moved / path.parent.name)
    np.testing.assert_array_equal(raw.test.images, read(moved).test.images)
    assert len(read(flat, test_fraction=0.5).test.targets) == 35


def test_labels_belong_to_their_images(flat: Path) -> None:
    raw = read(flat)
    label_of = {np.asarray(Image.open(p)).tobytes(): p.parent.name for p in flat.rglob("*.png")}
    for part in (raw.train, raw.test):
        for image, label in zip(part.images, part.targets, strict=True):
            assert label_of[image.tobytes()] == raw.classes[label]


def test_the_users_own_parts_are_kept(parted: Path) -> None:
    (parted / "val").mkdir()
    (parted / "train" / "notes.txt").write_text("no class")
    (parted / "train" / "bag" / ".hidden.png").write_text("no image")
    (parted / "train" / "bag" / "more").mkdir()
    (parted / "train" / "bag" / "000.png").rename(parted / "train" / "bag" / "more" / "X.PNG")
    raw = read(parted)
    assert raw.classes == ("bag", "coat")
    assert np.bincount(raw.train.targets).tolist() == [12, 12]
    assert np.bincount(raw.test.targets).tolist() == [5, 5]
    (parted / "test").rename(parted / "holdout")
    assert len(read(parted, test_folder="holdout").test.targets) == 10


def test_a_class_may_be_called_train(flat: Path) -> None:
    (flat / "coat").rename(flat / "train")
    assert read(flat).classes == ("bag", "shoe", "train")


def test_colour_is_decided_by_all_images(parted: Path) -> None:
    assert read(parted).train.images.shape[-1] == 1
    picture = Image.open(parted / "test" / "coat" / "004.png").convert("RGB")
    picture.save(parted / "test" / "coat" / "004.png")
    raw = read(parted)
    assert raw.train.images.shape[-1] == raw.test.images.shape[-1] == 3
    for suffix, mode in (("gif", "P"), ("png", "RGBA"), ("jpg", "CMYK"), ("tif", "LA"), ("webp", "RGBA")):
        picture.convert(mode).save(parted / "train" / "bag" / f"of_another_kind.{suffix}")
    assert len(read(parted).train.targets) == 29


def test_two_classes_of_few_images_are_enough(parted: Path) -> None:
    data = ImageData(ImageFolder(Config(path=str(parted), resolution=7)), torch.device("cpu"))
    assert data.sizes == {"train": 12, "rank": 6, "score": 6, "test": 10}
    assert data.shape.height == data.shape.width == 7


def test_other_images_change_the_hash_and_other_files_do_not(flat: Path) -> None:
    def hashed() -> str:
        return ImageData(ImageFolder(Config(path=str(flat))), torch.device("cpu")).hash

    before = hashed()
    (flat / "bag" / "readme.txt").write_text("hello")
    assert hashed() == before
    (flat / "bag" / "039.png").rename(flat / "shoe" / "039.png")
    assert hashed() != before


def test_faults_are_reported_in_one_line(flat: Path) -> None:
    def refused(message: str, **options: object) -> None:
        with pytest.raises(LmregError, match=message) as error:
            ImageData(ImageFolder(Config(**{"path": str(flat), **options})), torch.device("cpu"))  # type: ignore[arg-type]
        assert "\n" not in str(error.value)

    refused("data=folder needs data.path=<folder with", path=None)
    refused("there is no such folder", path=str(flat / "nowhere"))
    refused("is a file", path=str(flat / "bag" / "000.png"))
    refused(
        f"{flat / 'bag'} contains no folders .but 40 pictures.; it should have <class>/",
        path=str(flat / "bag"),
    )
    for fraction in (0.0, 1.0):
        refused(
            f"data.path={flat}, data.test_fraction={fraction:g}: the split fractions", test_fraction=fraction
        )
    refused("test split would be empty", test_fraction=0.001)
    refused(f"data.path={flat}: the split fractions", train_fraction=0.9)
    refused("data.cutout=13: the images have only 12x12", cutout=13)
    Image.new("L", (9, 12)).save(flat / "bag" / "000.png")
    refused(r"differ in size .*bag/\d+.png has 12x12.*; pass data.resolution=|bag/000.png has 9x12")
    (flat / "bag" / "000.png").write_bytes(b"torn")
    refused(f"can't read {flat / 'bag' / '000.png'} as an image: it is not an image; repair or remove it")
    (flat / "bag" / "000.png").unlink()
    (flat / "empty").mkdir()
    refused(rf"{flat / 'empty'} contains no images \(.png")
    for name in ("empty", "bag", "coat"):
        shutil.rmtree(flat / name)
    refused(rf"{flat} has only one class \(shoe\)")


def test_faults_of_parts_are_reported_in_one_line(parted: Path) -> None:
    def refused(message: str) -> None:
        with pytest.raises(LmregError, match=message) as error:
            read(parted)
        assert "\n" not in str(error.value)

    (parted / "test" / "coat").rename(parted / "test" / "cost")
    refused(f"{parted / 'test'} lacks the class coat; both parts must have the same")
    fill(parted / "test" / "coat", 1, 2)
    refused(f"{parted / 'train'} lacks the class cost")
    (parted / "test").rename(parted / "val")
    refused(
        rf"there is no {parted / 'test'} with the same classes; pass .* or data.test_folder=<name> "
        r"\(there are: val\)"
    )
    (parted / "val").rename(parted / "test")
    shutil.rmtree(parted / "test" / "cost")
    shutil.rmtree(parted / "train" / "coat")
    refused(rf"{parted / 'train'} has only one class \(bag\)")


def test_links_and_hidden_folders_bring_no_image_twice(flat: Path) -> None:
    before = ImageFolder(Config(path=str(flat), resolution=8)).read()
    inner = next(p for p in flat.iterdir() if p.is_dir())
    (inner / "loop").symlink_to(flat / inner.name)
    (inner / ".ipynb_checkpoints").mkdir()
    image = next(p for p in sorted(inner.iterdir()) if p.is_file() and not p.name.startswith("."))
    (inner / ".ipynb_checkpoints" / image.name).write_bytes(image.read_bytes())
    (inner / f"again{image.suffix}").symlink_to(image)
    after = ImageFolder(Config(path=str(flat), resolution=8)).read()
    counts = [len(raw.train.targets) + len(raw.test.targets) for raw in (before, after)]
    assert counts[0] == counts[1]


def test_skipped_files_and_assumptions_are_reported(parted: Path) -> None:
    (parted / "train").rename(parted / "Training")
    for path in sorted((parted / "Training" / "bag").glob("00[0-4].png")):
        path.rename(path.with_suffix(".heic"))
    for path in sorted((parted / "test").rglob("*.png")):
        Image.open(path).save(path.with_suffix(".jfif"), "JPEG")
        path.unlink()
    fill(parted / "val" / "bag", 0, 3)
    Image.new("L", (4, 4)).save(parted / "test" / "stray.png")
    raw = read(parted)
    assert (len(raw.train.targets), len(raw.test.targets)) == (24 - 5, 10)
    assert raw.summary.assumptions == ("Training/ taken as the train part",)
    passed = ("5 .heic files", "1 picture outside the class folders", "val/ (3 pictures)")
    assert raw.summary.skipped == passed


def test_names_of_parts_never_become_classes(tmp_path: Path) -> None:
    fill(tmp_path / "Train", 0, 5)
    fill(tmp_path / "Test", 1, 5)
    with pytest.raises(LmregError, match="Train and Test, which are names of parts, not of classes"):
        read(tmp_path)


def test_a_single_class_folder_is_refused_with_a_hint(tmp_path: Path) -> None:
    for name in ("tabby", "black"):
        fill(tmp_path / "cats" / name, 0, 5)
    with pytest.raises(
        LmregError, match=r"only one class \(cats\).*if black, tabby are the classes, pass data.path"
    ):
        read(tmp_path)


def test_pictures_of_12_bits_are_mapped_to_the_full_range(flat: Path) -> None:
    before = read(flat)
    for path in flat.rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(path)).astype(np.uint16) * 16).save(path)
    after = read(flat)
    low, high = (16 * int(value) for value in (before.train.images.min(), before.train.images.max()))
    assert after.sample_range == (low, high)
    expected = (before.test.images.astype(float) * 16 - low) / (high - low) * 255
    assert np.abs(after.test.images - expected).max() <= 0.5
    assert read(flat, value_range=[0, 4080]).sample_range == (0, 4080)
    np.testing.assert_array_equal(read(flat, value_range=[0, 4080]).train.images, before.train.images)


@pytest.mark.parametrize("target", ["..", "../..", "../coat", "../coat/deep", "."])
def test_links_within_the_data_set_bring_no_images_of_other_classes(flat: Path, target: str) -> None:
    (flat / "coat" / "deep").mkdir()
    (flat / "coat" / "000.png").rename(flat / "coat" / "deep" / "000.png")
    before = read(flat)
    (flat / "bag" / "loop").symlink_to(target)
    after = read(flat)
    assert len(after.train.targets) == len(before.train.targets)
    assert "1 link to a folder" in after.summary.skipped


def test_links_out_of_the_data_set_are_followed(flat: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (flat / "bag").rename(outside / "bags")
    fill(outside / "more", 2, 5)
    (flat / "bag").symlink_to(outside / "bags")
    (flat / "shoe" / "more").symlink_to(outside / "more")
    (outside / "bags" / "back").symlink_to(flat)
    raw = read(flat)
    counts = np.bincount(np.concatenate([raw.train.targets, raw.test.targets]))
    assert counts.tolist() == [40, 20, 15]
    assert raw.summary.skipped == ("1 link to a folder",)


@pytest.mark.parametrize(
    ("link", "target"), [("cap", "coat"), ("cap", "."), ("cap", ".."), ("cap", "coat/deep")]
)
def test_two_classes_of_one_folder_are_refused(flat: Path, link: str, target: str) -> None:
    (flat / "coat" / "deep").mkdir()
    (flat / link).symlink_to(target)
    with pytest.raises(
        LmregError, match=f"{link} .*are the same folder, or one lies in the other, by a link"
    ):
        read(flat)


def test_a_test_part_that_is_the_training_part_is_refused(parted: Path) -> None:
    shutil.rmtree(parted / "test")
    (parted / "test").symlink_to("train")
    with pytest.raises(LmregError, match=r"bag and .*bag are the same folder"):
        read(parted)


def test_files_beside_the_class_folders_are_reported(parted: Path) -> None:
    for name in ("labels.csv", "README.txt", "train/data.zip", ".DS_Store", "test/.x"):
        (parted / name).write_text("no picture")
    fill(parted / "train" / ".hat", 2, 3)
    for name in ("__MACOSX", "test/.ipynb_checkpoints", "notes"):
        (parted / name).mkdir()
    (parted / "again").symlink_to("train")
    (parted / "test" / "gone").symlink_to("nowhere")
    (parted / "old").mkdir()
    (parted / "old" / "a.png").symlink_to("nowhere")
    skipped = read(parted).summary.skipped
    assert set(skipped[:3]) == {"1 .csv file", "1 .txt file", "1 .zip file"}
    assert skipped[3:] == (
        "2 hidden files",
        "2 hidden folders",
        "1 link to a folder",
        "1 broken link",
        "notes/ (0 pictures)",
        "old/ (not all readable)",
        "train/.hat/ (3 pictures)",
    )


def test_an_unused_fraction_is_noted(parted: Path) -> None:
    assert read(parted).summary.notes == ()
    message = ("data.test_fraction=0.5 isn't used, as there is a test part",)
    assert read(parted, test_fraction=0.5).summary.notes == message


def test_a_class_in_another_unicode_form_is_reported(parted: Path) -> None:
    for part, name in (("train", "caf\u00e9"), ("test", "cafe\u0301")):
        (parted / part / "coat").rename(parted / part / name)
    message = (
        r"test lacks the class caf\u00e9; .* \(it has cafe\u0301, which differs only by the Unicode form"
    )
    with pytest.raises(LmregError, match=message):
        read(parted)
