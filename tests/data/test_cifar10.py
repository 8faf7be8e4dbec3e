from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.test_unpickle import Call

from lmreg.data.cifar10 import CIFAR10, Config
from lmreg.errors import LmregError

NAMES = [b"airplane", b"automobile", b"bird"]
FILES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]


def write(path: Path, content: Any) -> None:
    path.write_bytes(pickle.dumps(content, 2))


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(255, size=(6, 4, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path, images: np.ndarray) -> Path:
    """The classic folder: rows of bytes with red, green and blue planes; keys are bytes, as from Python 2."""
    inside = tmp_path / "cifar-10-batches-py"
    inside.mkdir()
    for i, name in enumerate(FILES):
        rows = images[i].transpose(0, 3, 1, 2).reshape(4, -1)
        write(inside / name, {b"data": rows, b"labels": [0, 1, 2, i % 3], b"batch_label": b"x"})
    write(inside / "batches.meta", {b"label_names": NAMES, b"num_vis": 3072})
    return inside


def test_the_pickled_images_come_back_exactly(folder: Path, images: np.ndarray) -> None:
    for path in (folder, folder.parent):
        raw = CIFAR10(Config(path=str(path))).read()
        np.testing.assert_array_equal(raw.train.images, images[:5].reshape(20, 32, 32, 3))
        np.testing.assert_array_equal(raw.test.images, images[5])
        assert raw.train.targets.tolist() == [0, 1, 2, 0, 0, 1, 2, 1, 0, 1, 2, 2, 0, 1, 2, 0, 0, 1, 2, 1]
        assert raw.test.targets.tolist() == [0, 1, 2, 2]
        assert raw.classes == ("airplane", "automobile", "bird")
    assert CIFAR10(Config(path=str(folder), resolution=14)).read().test.images.shape == (4, 14, 14, 3)


def test_both_forms_of_the_real_data_set_give_the_same_images(real_data: Path, tmp_path: Path) -> None:
    """1,000 real images are read from Parquet, written as pickles, and read again."""
    source = CIFAR10(Config(path=str(real_data / "cifar10")))
    test = source._split("test")
    from lmreg.data.pixels import decode_pictures

    pixels = decode_pictures(test.contents[:1000], test.name, "", None, 1000, None)[0]
    for i, name in enumerate(FILES):
        part = slice(i * 160, (i + 1) * 160)
        rows = pixels[part].transpose(0, 3, 1, 2).reshape(160, -1)
        write(tmp_path / name, {b"data": rows, b"labels": test.labels[part].tolist()})
    write(tmp_path / "batches.meta", {b"label_names": [str(i).encode() for i in range(10)]})
    raw = CIFAR10(Config(path=str(tmp_path))).read()
    np.testing.assert_array_equal(raw.train.images, pixels[:800])
    np.testing.assert_array_equal(raw.train.targets, test.labels[:800])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data_batch_2", {b"labels": [0]}, "data_batch_2 has no 'data'; it has: labels"),
        (
            "data_batch_2",
            {b"data": np.zeros((4, 3072), np.uint8)},
            "data_batch_2 has no 'labels'; it has: data",
        ),
        (
            "test_batch",
            {b"data": np.zeros((4, 3071), np.uint8)},
            "test_batch.* not an array of 32x32|no 'labels'",
        ),
        (
            "test_batch",
            {b"data": np.zeros((4, 3071), np.uint8), b"labels": [0] * 4},
            "test_batch: its data is not an array of 32x32 colour images",
        ),
        (
            "test_batch",
            {b"data": np.zeros((4, 3072), np.uint8), b"labels": [0] * 3},
            "test_batch: labels must be one whole number for each of its 4 images",
        ),
        ("batches.meta", {b"names": []}, "batches.meta has no 'label_names'; it has: names"),
        ("batches.meta", [1], "batches.meta has no 'label_names'"),
        ("data_batch_5", Call(os.mkdir, "trap"), r"data_batch_5 is refused: it asks for \w+.mkdir"),
    ],
)
def test_broken_files_are_named(
    folder: Path, name: str, content: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    write(folder / name, content)
    with pytest.raises(LmregError, match=message):
        CIFAR10(Config(path=str(folder))).read()
    assert not (folder / "trap").exists()


def test_missing_files_are_named(folder: Path) -> None:
    (folder / "data_batch_3").unlink()
    with pytest.raises(LmregError, match="cifar-10-batches-py lacks data_batch_3"):
        CIFAR10(Config(path=str(folder.parent))).read()
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(LmregError, match=r"no train\*\.parquet in that folder, nor the files of cifar-10-b"):
        CIFAR10(Config(path=str(folder))).read()
