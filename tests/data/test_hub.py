from __future__ import annotations

import io
import sys
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from lmreg.data.hub import Config, HubImages
from lmreg.data.images import ImageData
from lmreg.errors import LmregError


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def write(path: Path, images: list[np.ndarray], labels: list[int], column: str = "img") -> None:
    rows = [{"bytes": png(image), "path": f"{i}.png"} for i, image in enumerate(images)]
    pd.DataFrame({column: rows, "label": labels}).to_parquet(path)


@pytest.fixture
def colour(rng: np.random.Generator) -> list[np.ndarray]:
    return list(rng.integers(255, size=(12, 8, 8, 3), dtype=np.uint8))


def test_images_and_labels_come_back_exactly(tmp_path: Path, colour: list[np.ndarray]) -> None:
    write(tmp_path / "train-00000-of-00001.parquet", colour[:8], [0, 1] * 4)
    write(tmp_path / "test-00000-of-00001.parquet", colour[8:], [1, 1, 0, 0])
    raw = HubImages(Config(image_column="img", path=str(tmp_path))).read()
    np.testing.assert_array_equal(raw.train.images, np.stack(colour[:8]))
    np.testing.assert_array_equal(raw.test.images, np.stack(colour[8:]))
    assert raw.train.targets.tolist() == [0, 1] * 4
    assert raw.classes == ("0", "1")


def test_resolution_is_an_average(tmp_path: Path, colour: list[np.ndarray]) -> None:
    for part in ("train", "test"):
        write(tmp_path / f"{part}.parquet", colour, [0, 1] * 6)
    raw = HubImages(Config(image_column="img", path=str(tmp_path), resolution=4)).read()
    expected = np.stack(colour).reshape(12, 4, 2, 4, 2, 3).mean((2, 4))
    assert np.abs(raw.train.images - expected).max() <= 1


def test_grey_images_have_one_channel(tmp_path: Path, colour: list[np.ndarray]) -> None:
    for part in ("train", "test"):
        write(tmp_path / f"{part}.parquet", [image[..., 0] for image in colour], [0, 1] * 6)
    assert HubImages(Config(image_column="img", path=str(tmp_path))).read().train.images.shape == (
        12,
        8,
        8,
        1,
    )


def test_missing_files_and_columns_are_named(tmp_path: Path, colour: list[np.ndarray]) -> None:
    with pytest.raises(LmregError, match=r"no train\*\.parquet"):
        HubImages(Config(image_column="img", path=str(tmp_path))).read()
    write(tmp_path / "train.parquet", colour, [0] * 12, column="image")
    with pytest.raises(LmregError, match="no column 'img' in train; its columns are: image, label"):
        HubImages(Config(image_column="img", path=str(tmp_path))).read()
    (tmp_path / "train.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(LmregError, match=r"can't read .*train\.parquet"):
        HubImages(Config(image_column="img", path=str(tmp_path))).read()


def test_columns_and_splits_have_the_names_that_are_given(tmp_path: Path, colour: list[np.ndarray]) -> None:
    for part in ("training", "validation"):
        table = pd.DataFrame({"image": [{"bytes": png(i), "path": None} for i in colour], "fine": [0, 1] * 6})
        table.to_parquet(tmp_path / f"{part}-00000.parquet")
    names = {"image_column": "image", "label_column": "fine", "test_split": "validation"}
    raw = HubImages(Config(path=str(tmp_path), **names)).read()  # type: ignore[arg-type]
    np.testing.assert_array_equal(raw.test.images, np.stack(colour))
    with pytest.raises(
        LmregError, match=r"no test\*\.parquet in that folder; there are: training.*data.test_spl"
    ):
        HubImages(Config(path=str(tmp_path), **(names | {"test_split": "test"}))).read()  # type: ignore[arg-type]


def test_class_names_of_the_files_are_kept(tmp_path: Path, colour: list[np.ndarray]) -> None:
    features = datasets.Features(
        {"img": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog", "emu"])}
    )
    for part in ("train", "test"):
        pictures = [Image.fromarray(image) for image in colour]
        table = datasets.Dataset.from_dict({"img": pictures, "label": [0, 1] * 6}, features=features)
        table.to_parquet(tmp_path / f"{part}.parquet")
    raw = HubImages(Config(image_column="img", path=str(tmp_path))).read()
    assert raw.classes == ("cat", "dog", "emu")
    np.testing.assert_array_equal(raw.train.images, np.stack(colour))


def test_grey_and_colour_may_be_mixed(tmp_path: Path, colour: list[np.ndarray]) -> None:
    write(tmp_path / "train.parquet", [image[..., 0] for image in colour], [0, 1] * 6)
    write(tmp_path / "test.parquet", colour, [0, 1] * 6)
    raw = HubImages(Config(image_column="img", path=str(tmp_path))).read()
    assert raw.train.images.shape == raw.test.images.shape == (12, 8, 8, 3)
    assert (raw.train.images == np.stack(colour)[..., :1]).all()


def test_broken_rows_are_named_by_their_file(tmp_path: Path, colour: list[np.ndarray]) -> None:
    write(tmp_path / "train-0.parquet", colour, [0, 1] * 6)
    write(tmp_path / "test.parquet", colour, [0, 1] * 6)
    for content, message in (
        (b"no picture", "can't read row 1 of .*train-1.parquet as an image: it is not an image"),
        (None, "row 1 of .*train-1.parquet has no image in column 'img'"),
    ):
        images = [{"bytes": png(colour[0]), "path": None}, {"bytes": content, "path": None}]
        pd.DataFrame({"img": images, "label": [0, 1]}).to_parquet(tmp_path / "train-1.parquet")
        with pytest.raises(LmregError, match=message):
            HubImages(Config(image_column="img", path=str(tmp_path))).read()
    write(tmp_path / "train-1.parquet", [colour[0], colour[1][:5]], [0, 1])
    with pytest.raises(LmregError, match=r"row 1 of .*train-1.parquet has 8x5.*; pass data.resolution="):
        HubImages(Config(image_column="img", path=str(tmp_path))).read()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            [0, 1] * 5 + [0, -1],
            r"column 'label' of row 11 of .*train.parquet is -1: a label must not be below 0",
        ),
        ([1] * 12, r"all training images are of one class \(1\)"),
        (
            [0, 0.5] * 6,
            r"column 'label' of row 1 of .*train.parquet is 0.5: a label must be a whole number or",
        ),
        (
            [[0, 1], [1, 0]] * 6,
            r"column 'label' of row 0 of .*train.parquet is \[0, 1\]: .* not of type list",
        ),
        (["cat", " "] * 6, r"column 'label' of row 1 of .*train.parquet is ' ': a label must be a whole"),
        (["cat", None] * 6, r"column 'label' of row 1 of .*train.parquet is None: .* in every row"),
        (
            ["cat", "dog"] * 6,
            r"column 'label' of row 0 of .*train.parquet is 'cat', but of row 0 of .*test.* 0;",
        ),
        ([0, None] * 6, r"column 'label' of row 1 of .*train.parquet is None: .* in every row"),
        ([], r"train\.parquet has no rows"),
    ],
)
def test_wrong_labels_are_refused(
    tmp_path: Path, colour: list[np.ndarray], labels: list[int], message: str
) -> None:
    write(tmp_path / "train.parquet", colour[: len(labels)], labels)
    write(tmp_path / "test.parquet", colour, [0, 1] * 6)
    with pytest.raises(LmregError, match=message) as error:
        ImageData(HubImages(Config(image_column="img", path=str(tmp_path))), torch.device("cpu"))
    assert str(tmp_path) in str(error.value)


def test_labels_of_the_test_part_must_be_known(tmp_path: Path, colour: list[np.ndarray]) -> None:
    write(tmp_path / "train.parquet", colour, [0, 1] * 6)
    write(tmp_path / "test.parquet", colour, [0, 1] * 5 + [2, 0])
    with pytest.raises(
        LmregError, match=r"column 'label' of row 10 of .*test.parquet is 2, which no training row has"
    ):
        ImageData(HubImages(Config(image_column="img", path=str(tmp_path))), torch.device("cpu"))


def test_an_unavailable_data_set_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(LmregError, match=r"needs data.hub=<name on the hub> or data.path="):
        HubImages(Config(name="hub")).read()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # no retries
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(
        LmregError, match=r"lmreg-tests/nothing.*if you have its Parquet files, pass data.path="
    ):
        HubImages(Config(hub="lmreg-tests/nothing")).read()


@pytest.mark.slow  # its parts are tested with few images
def test_cifar10_from_its_parquet_folder(real_data: Path) -> None:
    raw = HubImages(Config(path=str(real_data / "cifar10"), image_column="img", resolution=16)).read()
    assert raw.train.images.shape == (50_000, 16, 16, 3)
    assert np.bincount(raw.train.targets).tolist() == [5_000] * 10
    assert np.bincount(raw.test.targets).tolist() == [1_000] * 10


def test_other_files_of_the_folder_are_reported(tmp_path: Path, colour: list[np.ndarray]) -> None:
    for part in ("train", "test", "val"):
        write(tmp_path / f"{part}.parquet", colour, [0, 1] * 6)
    for name in ("README.md", "labels.csv", ".gitattributes"):
        (tmp_path / name).touch()
    raw = HubImages(Config(image_column="img", path=str(tmp_path))).read()
    assert raw.summary.skipped[0] == "val.parquet"
    assert set(raw.summary.skipped[1:]) == {"1 .md file", "1 .csv file", "1 hidden file"}


def test_only_the_hub_needs_the_package_datasets(
    tmp_path: Path, colour: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)  # as if it were not installed
    for part in ("train", "test"):
        write(tmp_path / f"{part}.parquet", colour, [0, 1] * 6)
    assert len(HubImages(Config(image_column="img", path=str(tmp_path))).read().train.images) == 12
    message = r"reading x/y from the hub .*needs the package datasets; install it with: .*lmreg\[hub\]"
    with pytest.raises(LmregError, match=message):
        HubImages(Config(image_column="img", hub="x/y")).read()


def test_files_of_a_split_may_differ_in_types_and_other_columns(
    tmp_path: Path, colour: list[np.ndarray]
) -> None:
    for i, (dtype, column) in enumerate((("int32", "a"), ("int64", "b"))):
        rows = [{"bytes": png(image), "path": None} for image in colour]
        labels = np.array([0, 1] * 6, dtype=dtype)
        table = pd.DataFrame({column: ["x"] * 12, "label": labels, "img": rows})
        table.to_parquet(tmp_path / f"train-{i}.parquet")
    write(tmp_path / "test.parquet", colour, [0, 1] * 6)
    raw = HubImages(Config(image_column="img", path=str(tmp_path))).read()
    np.testing.assert_array_equal(raw.train.images, np.stack([*colour, *colour]))
    assert raw.train.targets.tolist() == [0, 1] * 12
