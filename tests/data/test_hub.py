from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lmreg.data.hub import Config, HubImages
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
    raw = HubImages(Config(path=str(tmp_path))).read()
    np.testing.assert_array_equal(raw.train.images, np.stack(colour[:8]))
    np.testing.assert_array_equal(raw.test.images, np.stack(colour[8:]))
    assert raw.train.labels.tolist() == [0, 1] * 4
    assert raw.classes == ("0", "1")


def test_resolution_is_an_average(tmp_path: Path, colour: list[np.ndarray]) -> None:
    for part in ("train", "test"):
        write(tmp_path / f"{part}.parquet", colour, [0, 1] * 6)
    raw = HubImages(Config(path=str(tmp_path), resolution=4)).read()
    expected = np.stack(colour).reshape(12, 4, 2, 4, 2, 3).mean((2, 4))
    assert np.abs(raw.train.images - expected).max() <= 1


def test_grey_images_have_one_channel(tmp_path: Path, colour: list[np.ndarray]) -> None:
    for part in ("train", "test"):
        write(tmp_path / f"{part}.parquet", [image[..., 0] for image in colour], [0, 1] * 6)
    assert HubImages(Config(path=str(tmp_path))).read().train.images.shape == (12, 8, 8, 1)


def test_missing_files_and_columns_are_named(tmp_path: Path, colour: list[np.ndarray]) -> None:
    with pytest.raises(LmregError, match=r"no train\*\.parquet"):
        HubImages(Config(path=str(tmp_path))).read()
    write(tmp_path / "train.parquet", colour, [0] * 12, column="image")
    with pytest.raises(LmregError, match="no column 'img' in train; there are: image, label"):
        HubImages(Config(path=str(tmp_path))).read()
    (tmp_path / "train.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(LmregError, match=r"can't read .*train\.parquet"):
        HubImages(Config(path=str(tmp_path))).read()


def test_cifar10_from_its_parquet_folder(real_data: Path) -> None:
    raw = HubImages(Config(path=str(real_data / "cifar10"), resolution=16)).read()
    assert raw.train.images.shape == (50_000, 16, 16, 3)
    assert np.bincount(raw.train.labels).tolist() == [5_000] * 10
    assert np.bincount(raw.test.labels).tolist() == [1_000] * 10
