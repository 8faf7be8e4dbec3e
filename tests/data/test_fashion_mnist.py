from __future__ import annotations

import gzip
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from lmreg.data.fashion_mnist import Config, FashionMNIST
from lmreg.errors import LmregError

NAMES = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def idx(array: np.ndarray) -> bytes:
    return (
        struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    )


@pytest.fixture
def arrays(rng: np.random.Generator) -> dict[str, np.ndarray]:
    sizes = {"train": 20, "t10k": 10}
    return {
        name: rng.integers(10 if "labels" in name else 255, size=(n, 6, 6) if "images" in name else n)
        for name in NAMES
        for n in [sizes[name.split("-")[0]]]
    }


@pytest.fixture
def folder(tmp_path: Path, arrays: dict[str, np.ndarray]) -> Path:
    for name, array in arrays.items():
        (tmp_path / name).write_bytes(idx(array))
    return tmp_path


def read(folder: Path | str | None, **options: int) -> object:
    return FashionMNIST(Config(path=None if folder is None else str(folder), **options)).read()  # type: ignore[arg-type]


def test_gzipped_or_not_the_images_are_the_same(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    plain = FashionMNIST(Config(path=str(folder))).read()
    np.testing.assert_array_equal(plain.train.images[..., 0], arrays[NAMES[0]])
    np.testing.assert_array_equal(plain.train.targets, arrays[NAMES[1]])
    np.testing.assert_array_equal(plain.test.images[..., 0], arrays[NAMES[2]])
    np.testing.assert_array_equal(plain.test.targets, arrays[NAMES[3]])
    below = folder / "raw"
    below.mkdir()
    for name in NAMES:
        (below / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    again = FashionMNIST(Config(path=str(folder))).read()  # in a sub-folder, as torchvision stores them
    np.testing.assert_array_equal(plain.train.images, again.train.images)
    np.testing.assert_array_equal(plain.test.targets, again.test.targets)
    small = FashionMNIST(Config(path=str(folder), resolution=5)).read()
    assert small.train.images.shape == (20, 5, 5, 1)


def test_the_real_files(real_data: Path) -> None:
    raw = FashionMNIST(Config(path=str(real_data / "fashion_mnist"))).read()
    assert raw.train.images.shape == (60_000, 28, 28, 1)
    assert raw.test.images.shape == (10_000, 28, 28, 1)
    assert np.bincount(raw.train.targets).tolist() == [6_000] * 10
    assert raw.train.images.mean() / 255 == pytest.approx(0.2860, abs=1e-4)  # the published mean


def test_missing_files_are_named(folder: Path) -> None:
    with pytest.raises(LmregError, match=r"data=fashion_mnist needs data.path=<folder with the four IDX"):
        read(None)
    with pytest.raises(LmregError, match="no such folder"):
        read(folder / "nowhere")
    with pytest.raises(LmregError, match="is a file; unpack it"):
        read(folder / NAMES[0])
    (folder / NAMES[3]).unlink()
    with pytest.raises(LmregError, match=f"there is no {NAMES[3]} or {NAMES[3]}.gz in that folder"):
        read(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (NAMES[0], b"", "is not an IDX file of unsigned bytes in 3 dimensions"),
        (NAMES[0], idx(np.zeros(20)), "is not an IDX file of unsigned bytes in 3 dimensions"),
        (
            NAMES[0],
            idx(np.zeros((20, 6, 6)))[:-5],
            "has 715 values instead of the 20x6x6 that its header says",
        ),
        (NAMES[0], idx(np.zeros((20, 6, 6))) + b"1", "has 721 values instead of the 20x6x6"),
        (NAMES[0], idx(np.zeros((19, 6, 6))), "has 19 images, but .*train-labels-idx1-ubyte has 20 labels"),
        (NAMES[3], idx(np.full(10, 10)), "has label 10; labels range from 0 to 9"),
        (f"{NAMES[1]}.gz", b"\x1f\x8bnot", "can't read"),
        (f"{NAMES[1]}.gz", gzip.compress(idx(np.arange(10).repeat(2)), mtime=0)[:-9], "can't read"),
        (f"{NAMES[1]}.gz", b"plain", "can't read"),
    ],
)
def test_broken_files_are_named(folder: Path, name: str, content: bytes, message: str) -> None:
    (folder / name.removesuffix(".gz")).unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(LmregError, match=message) as error:
        read(folder)
    assert re.search(re.escape(str(folder / name)), str(error.value))
    assert "\n" not in str(error.value)


def test_a_second_copy_of_a_file_is_reported_as_skipped(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    (folder / NAMES[0]).rename(folder.parent / NAMES[0])
    (folder / NAMES[0]).symlink_to(folder.parent / NAMES[0])  # as in caches
    assert FashionMNIST(Config(path=str(folder))).read().summary.skipped == ()
    (folder / f"{NAMES[1]}.gz").write_bytes(gzip.compress(idx(arrays[NAMES[1]][::-1])))
    (folder / "README.md").write_text("read me")
    raw = FashionMNIST(Config(path=str(folder))).read()
    np.testing.assert_array_equal(raw.train.targets, arrays[NAMES[1]])
    assert raw.summary.skipped == (f"{NAMES[1]}.gz", "1 .md file")
