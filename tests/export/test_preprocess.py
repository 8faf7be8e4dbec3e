"""The exported preprocessing reproduces training's images bit for bit: files, Parquet rows, arrays."""

from __future__ import annotations

import io
import json
import pickle
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from tests.data.test_cifar10 import FILES
from tests.data.test_fashion_mnist import NAMES, idx

from lmreg.data.base import DataSource
from lmreg.data.cifar10 import CIFAR10
from lmreg.data.cifar10 import Config as CIFAR10Config
from lmreg.data.fashion_mini import Config as FashionMiniConfig
from lmreg.data.fashion_mini import FashionMini
from lmreg.data.fashion_mnist import Config as FashionMNISTConfig
from lmreg.data.fashion_mnist import FashionMNIST
from lmreg.data.folder import Config as FolderConfig
from lmreg.data.folder import ImageFolder
from lmreg.data.hub import Config as HubConfig
from lmreg.data.hub import HubImages
from lmreg.data.images import ImageData
from lmreg.data.shapes_depth import Config as ScenesConfig
from lmreg.data.shapes_depth import ShapesDepth
from lmreg.export.preprocess import preprocessing_rules, write_preprocess

Preprocess = Callable[..., np.ndarray]


def exported(data: ImageData, resolution: int | None, folder: Path) -> Preprocess:
    """Return the function in the ``preprocess.py`` that is exported for ``data`` with ``model.json``."""
    samples = data.sample_range and list(data.sample_range)
    scaled = {key: [value / 255 for value in values] for key, values in data.normalisation.items()}
    about = {
        "input": asdict(data.shape),
        "preprocess": preprocessing_rules(data.shape, resolution, samples),
        **scaled,
    }
    write_preprocess(folder, about, data.shape)
    (folder / "model.json").write_text(json.dumps(about))
    source = (folder / "preprocess.py").read_text()
    assert "lmreg" not in source.replace("Made by lmreg", "").replace("``lmreg export``", "")
    made: dict[str, Any] = {"__file__": str(folder / "preprocess.py")}
    exec(compile(source, "preprocess.py", "exec"), made)
    return made["preprocess"]


def test_it_says_what_it_lacks_of_a_reader_of_ones_own(tmp_path: Path) -> None:
    data = ImageData(FashionMini(FashionMiniConfig()), torch.device("cpu"))
    about = json.loads((exported(data, None, tmp_path) and tmp_path / "model.json").read_text())
    assert (
        "network's input, by the same code as for its training." in (tmp_path / "preprocess.py").read_text()
    )
    write_preprocess(tmp_path, about, data.shape, "my_parts.Inverted")
    assert "input, without what my_parts.Inverted does to them." in (tmp_path / "preprocess.py").read_text()


def seen_in_training(source: DataSource) -> tuple[ImageData, np.ndarray]:
    """Return the data set, and its test images as a network gets them."""
    data = ImageData(source, torch.device("cpu"))
    test = data.split("test")
    return data, test.plain(torch.arange(len(test))).images.numpy()


def pictures(rng: np.random.Generator) -> dict[str, tuple[Image.Image, dict[str, Any]]]:
    """Pictures of every kind by file name, with the options to save them with."""

    def noise(*shape: int) -> np.ndarray:
        return rng.integers(256, size=shape, dtype=np.uint8)

    colour = Image.fromarray(noise(20, 26, 3))
    palette = colour.quantize(30)
    kinds: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "colour.png": (colour, {}),
        "grey.png": (Image.fromarray(noise(31, 20)), {}),
        "bits.png": (Image.fromarray(noise(20, 20) > 100), {}),
        "ink.png": (Image.fromarray(noise(20, 22, 4)), {}),
        "grey_ink.png": (Image.fromarray(noise(20, 22, 2)), {}),
        "palette.png": (palette, {}),
        "palette_hole.png": (palette, {"transparency": 3}),
        "grey_hole.png": (Image.fromarray(noise(20, 20)), {"transparency": 7}),
        "animated.gif": (palette, {"save_all": True, "append_images": [palette.rotate(90)]}),
        "print.jpg": (Image.fromarray(noise(20, 20, 4), "CMYK"), {}),
        "lossless.webp": (Image.fromarray(noise(20, 22, 4)), {"lossless": True}),
        "photo.jpg": (Image.fromarray(noise(300, 260, 3)), {}),  # decoded at a fraction of its size
        "deep.png": (Image.fromarray(rng.integers(65536, size=(20, 24)).astype(np.uint16)), {}),
        "deep.tif": (Image.fromarray(rng.integers(65536, size=(20, 24)).astype(np.uint16)), {}),
    }
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        kinds[f"turned{orientation}.jpg"] = (colour, {"exif": exif})
        kinds[f"turned{orientation}.png"] = (colour, {"exif": exif})
    return kinds


GREY = ("grey.png", "bits.png", "grey_ink.png", "grey_hole.png", "deep.png", "deep.tif")


@pytest.fixture
def kinds(rng: np.random.Generator) -> dict[str, bytes]:
    """Encoded pictures of every kind, by file name."""
    encoded = {}
    for name, (picture, options) in pictures(rng).items():
        kind = {"jpg": "JPEG", "tif": "TIFF"}.get(name[-3:], Path(name).suffix[1:].upper())
        file = io.BytesIO()
        picture.save(file, kind, **options)
        encoded[name] = file.getvalue()
    return encoded


def as_folder(kinds: dict[str, bytes], root: Path) -> list[Path]:
    """Write ``kinds`` as two parts of two classes; return the test files in the order of reading."""
    for part in ("train", "test"):
        for label in "ab":
            (root / part / label).mkdir(parents=True)
            for name, content in kinds.items():
                (root / part / label / name).write_bytes(content)
    return sorted((root / "test").glob("*/*"))


@pytest.mark.parametrize("names", [None, GREY], ids=["colour", "grey"])
def test_files_of_every_kind(tmp_path: Path, kinds: dict[str, bytes], names: tuple[str, ...] | None) -> None:
    kinds = {name: kinds[name] for name in names or kinds}
    files = as_folder(kinds, tmp_path / "images")
    config = FolderConfig(path=str(tmp_path / "images"), resolution=8)
    data, images = seen_in_training(ImageFolder(config))
    assert images.shape == (2 * len(kinds), 1 if names else 3, 8, 8)
    preprocess = exported(data, 8, tmp_path)
    batch = preprocess(files)
    assert (batch.dtype, batch.flags.c_contiguous) == (np.float32, True)
    np.testing.assert_array_equal(batch, images)
    for i, file in enumerate(files[:: 1 + len(files) // 10]):
        expected = images[[files.index(file)]]
        opened = file.open("rb")
        for one in (file, str(file), file.read_bytes(), opened):
            np.testing.assert_array_equal(preprocess(one), expected, err_msg=f"{i} {file.name}")
        opened.close()
        if file.name != "photo.jpg":
            with Image.open(file) as picture:
                np.testing.assert_array_equal(preprocess(picture), expected, err_msg=file.name)
    np.testing.assert_array_equal(preprocess(file for file in files), images)


@pytest.mark.parametrize(("scale", "low"), [(1, 0), (1, 1025), (16, 0), (257, 0), (1 / 255, 0.0)])
def test_samples_of_more_than_8_bits(
    tmp_path: Path, rng: np.random.Generator, scale: float, low: float
) -> None:
    """Samples of 12 or 16 bits or floating-point numbers, in a low, a narrow and the full range."""
    deep = np.float32 if isinstance(low, float) else np.uint16
    for part in ("train", "test"):
        for label in "ab":
            (tmp_path / part / label).mkdir(parents=True)
            for i in range(6):
                values = rng.integers(20, 240 if part == "train" else 256, size=(9, 9)) * scale + low
                Image.fromarray(values.astype(deep)).save(tmp_path / part / label / f"{i}.tif")
    data, images = seen_in_training(ImageFolder(FolderConfig(path=str(tmp_path))))
    assert data.sample_range is not None
    assert images.std() > 0.5  # not black
    preprocess = exported(data, None, tmp_path)
    files = sorted((tmp_path / "test").glob("*/*"))
    np.testing.assert_array_equal(preprocess(files), images)
    np.testing.assert_array_equal(preprocess(Image.open(file) for file in files), images)
    if deep is np.uint16:
        arrays = np.stack([np.asarray(Image.open(file)) for file in files])
        np.testing.assert_array_equal(preprocess(arrays[..., None]), images)
    other = exported(ImageData(FashionMini(), torch.device("cpu")), None, tmp_path / "other")
    with pytest.raises(
        ValueError, match="samples of more than 8 bits, but no training image had; save it with 8"
    ):
        other(files[0])
    Image.fromarray(np.full((9, 9), np.nan, np.float32)).save(tmp_path / "nan.tif")
    with pytest.raises(ValueError, match="samples that aren't finite numbers"):
        preprocess(tmp_path / "nan.tif")


def test_rows_of_parquet_files(tmp_path: Path, kinds: dict[str, bytes]) -> None:
    rows = [{"bytes": content, "path": name} for name, content in kinds.items()]
    for part in ("train", "test"):
        table = pd.DataFrame({"img": [*rows, *rows], "label": [0] * len(rows) + [1] * len(rows)})
        table.to_parquet(tmp_path / f"{part}.parquet")
    data, images = seen_in_training(
        HubImages(HubConfig(path=str(tmp_path), image_column="img", resolution=7))
    )
    preprocess = exported(data, 7, tmp_path)
    read = pd.read_parquet(tmp_path / "test.parquet")["img"]
    np.testing.assert_array_equal(preprocess([row["bytes"] for row in read]), images)


@pytest.mark.parametrize("kind", ["bytes", "bits", "thousand", "shares"])
def test_pixels_in_parquet_files(tmp_path: Path, rng: np.random.Generator, kind: str) -> None:
    """Lists of numbers, which may have another range than pixels."""
    arrays = {
        "bytes": rng.integers(256, size=(40, 9, 8, 3)),
        "bits": rng.integers(2, size=(40, 9, 8)).astype(bool),
        "thousand": rng.integers(1000, size=(40, 9, 8)),
        "shares": rng.random((40, 9, 8, 3)),
    }[kind]
    for part, some in (("train", arrays[:20]), ("test", arrays[20:])):
        table = pd.DataFrame({"img": [array.tolist() for array in some], "label": [0, 1] * 10})
        table.to_parquet(tmp_path / f"{part}.parquet")
    data, images = seen_in_training(
        HubImages(HubConfig(path=str(tmp_path), image_column="img", resolution=7))
    )
    assert (data.sample_range is not None) == (kind in ("thousand", "shares"))
    preprocess = exported(data, 7, tmp_path)
    np.testing.assert_array_equal(preprocess(list(arrays[20:])), images)


def cifar(folder: Path, rng: np.random.Generator) -> np.ndarray:
    for name in FILES:
        images = rng.integers(256, size=(6, 32, 32, 3), dtype=np.uint8)
        content = {b"data": images.transpose(0, 3, 1, 2).reshape(6, -1), b"labels": [0, 1] * 3}
        (folder / name).write_bytes(pickle.dumps(content, 2))
    (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"a", b"b"]}, 2))
    return images


def mnist(folder: Path, rng: np.random.Generator) -> np.ndarray:
    for name in NAMES:
        images = name.split("-")[1] == "images"
        array = rng.integers(256, size=(12, 28, 28)) if images else np.arange(12) % 2
        (folder / name).write_bytes(idx(array))
    return np.frombuffer((folder / NAMES[2]).read_bytes()[16:], np.uint8).reshape(12, 28, 28)


@pytest.mark.parametrize("resolution", [None, 9])
def test_arrays(tmp_path: Path, rng: np.random.Generator, resolution: int | None) -> None:
    mini = FashionMini().read().test.images[..., 0]
    (tmp_path / "cifar").mkdir()
    (tmp_path / "mnist").mkdir()
    colour, grey = cifar(tmp_path / "cifar", rng), mnist(tmp_path / "mnist", rng)
    cases: list[tuple[DataSource, np.ndarray]] = [
        (FashionMini(FashionMiniConfig(resolution=resolution)), mini),
        (
            CIFAR10(CIFAR10Config(path=str(tmp_path / "cifar"), label_column="label", resolution=resolution)),
            colour,
        ),
        (FashionMNIST(FashionMNISTConfig(path=str(tmp_path / "mnist"), resolution=resolution)), grey),
    ]
    for source, arrays in cases:
        data, images = seen_in_training(source)
        preprocess = exported(data, resolution, tmp_path)
        batch = arrays[..., None] if arrays.ndim == 3 else arrays
        np.testing.assert_array_equal(preprocess(batch), images)
        np.testing.assert_array_equal(preprocess(list(arrays)), images)  # [height, width] each if grey
        np.testing.assert_array_equal(preprocess(arrays[1]), images[1:2])
        np.testing.assert_array_equal(preprocess(Image.fromarray(arrays[1])), images[1:2])
    scenes = ShapesDepth(ScenesConfig(scenes=8, test_scenes=4, resolution=resolution))
    data, images = seen_in_training(scenes)
    rendered = scenes.read().test.images
    np.testing.assert_array_equal(exported(data, resolution, tmp_path)(rendered), images)


def test_grey_and_colour_become_what_the_network_takes(tmp_path: Path, rng: np.random.Generator) -> None:
    grey, colour = (rng.integers(256, size=(12, 12, *end), dtype=np.uint8) for end in ((), (3,)))
    preprocess = exported(ImageData(FashionMini(), torch.device("cpu")), None, tmp_path)
    repeated = np.repeat(grey[..., None], 3, axis=2)
    np.testing.assert_array_equal(preprocess(repeated), preprocess(grey))
    luma = np.asarray(Image.fromarray(colour).convert("L"))
    np.testing.assert_array_equal(preprocess(colour), preprocess(luma))


def test_unsuitable_pictures_are_refused(tmp_path: Path, kinds: dict[str, bytes]) -> None:
    preprocess = exported(ImageData(FashionMini(), torch.device("cpu")), None, tmp_path)
    (tmp_path / "wide.png").write_bytes(kinds["colour.png"])
    (tmp_path / "cut.png").write_bytes(kinds["colour.png"][:200])
    (tmp_path / "text.png").write_text("no picture")
    Image.new("F", (12, 12)).save(tmp_path / "float.tif")
    refused: dict[Any, str] = {
        str(
            tmp_path / "wide.png"
        ): "wide.png has 26x20 pixels, but the network needs 12x12, and training didn't",
        str(tmp_path / "float.tif"): "a picture has samples of more than 8 bits, but no",
    }
    arrays: list[tuple[Any, str]] = [
        (
            np.zeros((3, 12, 12), np.uint8),
            r"an array of shape [3, 12, 12] isn't a picture; its shape must be [height",
        ),
        (np.zeros(12, np.uint8), "an array of shape [12] isn't a picture"),
        (np.zeros((12, 12)), "an array of float64 from 0 to 0: it must have whole numbers from 0 to 255"),
        (np.full((12, 12), 256, np.int32), "an array of int32 from 256 to 256: it must have whole numbers"),
        (
            np.full((12, 12, 3), 999, np.uint16),
            "an array of uint16 from 999 to 999: it must have whole numbers",
        ),
        ([], "need at least one array"),
    ]
    for wrong, message in [*refused.items(), *arrays]:
        with pytest.raises(ValueError, match=re.escape(message)) as error:
            preprocess(wrong)
        assert "\n" not in str(error.value)
    # For files that Pillow can't read, its own error is raised.
    with pytest.raises(Image.UnidentifiedImageError, match=r"cannot identify image file.*text\.png"):
        preprocess([tmp_path / "wide.png", tmp_path / "text.png"][1:])
    with pytest.raises(OSError, match=r"image file is truncated|broken data stream"):
        preprocess(tmp_path / "cut.png")
    with pytest.raises(FileNotFoundError, match="absent"):
        preprocess("absent.png")
