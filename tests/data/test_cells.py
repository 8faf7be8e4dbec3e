from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lmreg.data.base import RawData
from lmreg.data.hub import Config, HubImages
from lmreg.errors import LmregError

LABELS = [0, 1] * 6


@pytest.fixture
def grey(rng: np.random.Generator) -> np.ndarray:
    """Images uint8 [12, 8, 6]; their values fill the range."""
    pixels = rng.integers(256, size=(12, 8, 6), dtype=np.uint8)
    pixels[0, 0, :2] = 0, 255
    return pixels


@pytest.fixture
def colour(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(256, size=(12, 8, 6, 3), dtype=np.uint8)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def read(folder: Path, cells: list[Any], **options: Any) -> RawData:
    """Of the cells as images of both parts."""
    for part in ("train", "test"):
        pd.DataFrame({"img": cells, "label": LABELS}).to_parquet(folder / f"{part}.parquet")
    return HubImages(Config(path=str(folder), image_column="img", **options)).read()


def test_lists_of_numbers_are_pixels(tmp_path: Path, grey: np.ndarray, colour: np.ndarray) -> None:
    cases: list[tuple[list[Any], np.ndarray]] = [
        ([p.tolist() for p in grey], grey[..., None]),
        ([p[..., None].tolist() for p in grey], grey[..., None]),
        ([p.tolist() for p in colour], colour),
        ([p.transpose(2, 0, 1).tolist() for p in colour], colour),
        ([list(map(list, (p / 255).astype(np.float32))) for p in grey], grey[..., None]),
        ([p.astype(np.float64).tolist() for p in grey], grey[..., None]),
        ([(p.astype(int) * 4 + 1000).tolist() for p in grey], grey[..., None]),
        ([p[:6].ravel().tolist() for p in grey], grey[:, :6, :, None]),
        ([list(p.tobytes()) for p in grey[:, :6]], grey[:, :6, :, None]),
        ([(p > 99).tolist() for p in grey], (grey > 99)[..., None] * 255),
    ]
    for cells, expected in cases:
        np.testing.assert_array_equal(read(tmp_path, cells).train.images, expected)


def test_how_numbers_became_pixels_is_told(tmp_path: Path, grey: np.ndarray) -> None:
    assert read(tmp_path, [p.tolist() for p in grey]).sample_range is None
    raw = read(tmp_path, [(p / 255).tolist() for p in grey])
    assert raw.sample_range == (0, 1)
    assert raw.reading.samples == "floating-point samples 0 to 1, mapped to 0 to 255"
    raw = read(tmp_path, [(p.astype(int) + 1000).tolist() for p in grey], value_range=[1000, 2020])
    assert raw.sample_range == (1000, 2020)
    assert np.abs(raw.train.images[..., 0] - grey / 4.0).max() <= 0.5
    with pytest.raises(LmregError, match=r"data.value_range is for samples of more than 8 bits"):
        read(tmp_path, [p.tolist() for p in grey], value_range=[0, 9])


def test_pictures_of_several_sizes_in_lists_are_squared(tmp_path: Path, grey: np.ndarray) -> None:
    cells = [grey[i, : 5 + i % 3].tolist() for i in range(12)]
    assert read(tmp_path, cells, resolution=5).train.images.shape == (12, 5, 5, 1)
    with pytest.raises(
        LmregError, match=r"images differ in size \(row 0 of .*train.parquet has 6x5 and row 1"
    ):
        read(tmp_path, cells)


def test_array_features_are_pixels(tmp_path: Path, grey: np.ndarray, colour: np.ndarray) -> None:
    for feature, pixels in (
        (datasets.Array2D((8, 6), "uint8"), grey),
        (datasets.Array3D((8, 6, 3), "uint8"), colour),
        (datasets.Array3D((8, 6, 3), "float32"), colour),
    ):
        features = datasets.Features({"img": feature, "label": datasets.Value("int64")})
        for part in ("train", "test"):
            table = datasets.Dataset.from_dict({"img": pixels, "label": LABELS}, features=features)
            table.to_parquet(tmp_path / f"{part}.parquet")
        raw = HubImages(Config(path=str(tmp_path), image_column="img")).read()
        np.testing.assert_array_equal(raw.train.images.reshape(pixels.shape), pixels)


def test_bytes_and_text_are_encoded_pictures_or_files(tmp_path: Path, grey: np.ndarray) -> None:
    encoded = [png(p) for p in grey]
    in_text = [base64.b64encode(content).decode() for content in encoded]
    (tmp_path / "pics").mkdir()
    for i, content in enumerate(encoded):
        (tmp_path / "pics" / f"{i}.png").write_bytes(content)
    for cells in (
        encoded,
        in_text,
        [f"data:image/png;base64,{text}" for text in in_text],
        [f"pics/{i}.png" for i in range(12)],
        [str(tmp_path / "pics" / f"{i}.png") for i in range(12)],
        [{"bytes": None, "path": f"pics/{i}.png"} for i in range(12)],
        [{"bytes": content, "path": None} for content in encoded],
    ):
        np.testing.assert_array_equal(read(tmp_path, cells).train.images[..., 0], grey)


def test_what_is_no_picture_is_told_by_row(tmp_path: Path, grey: np.ndarray) -> None:
    good = [png(p) for p in grey]
    lists = [p.tolist() for p in grey]
    row = r"row 3 of .*train\.parquet"
    for cells, message in (
        ([*good[:3], None, *good[4:]], f"{row} has no image in column 'img'"),
        ([*good[:3], b"", *good[4:]], f"{row} has no image in column 'img'"),
        ([*lists[:3], None, *lists[4:]], f"{row} has no image in column 'img'"),
        ([{"bytes": c, "path": None} if i != 3 else None for i, c in enumerate(good)], f"{row} has no image"),
        ([*good[:3], b"text", *good[4:]], f"can't read {row} as an image: it is no image"),
        (
            ["a.png"] * 12,
            r"'img' of row 0 of .*train\.parquet is 'a.png', which is no file there and no encoded",
        ),
        (
            ["https://x.org/a.png"] * 12,
            "'img' of row 0 .* is the address 'https://x.org/a.png'; get the pictures",
        ),
        ([1, 2] * 6, "'img' of row 0 of .* has no image, but a value of type int64; name another by"),
        ([[[0.5, float("inf")], [1.0, 2.0]]] * 12, r"can't read row 0 of .* no finite numbers"),
        ([*lists[:3], [[1, 2], [3]], *lists[4:]], f"'img' of {row} is .*neither a picture nor an array"),
        ([[1, 2, 3]] * 12, "'img' of row 0 .* has 3 numbers; a picture has height x width"),
        ([np.zeros(3072, int).tolist()] * 12, "'img' of row 0 .* has 3072 numbers; a picture has"),
        ([np.zeros((2, 5, 5), int).tolist()] * 12, "'img' of row 0 .* has 2x5x5 numbers; a picture has"),
        ([[["a", "b"]]] * 12, r"'img' of row 0 .* is \[\['a', 'b'\]\]: neither a picture nor an array"),
        ([{"x": 1}] * 12, "'img' of row 0 of .* has no image, but a value of type struct"),
    ):
        with pytest.raises(LmregError, match=message) as error:
            read(tmp_path, cells)
        assert "\n" not in str(error.value)
