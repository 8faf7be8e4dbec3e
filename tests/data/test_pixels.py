from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lmreg.data.pixels import decode, resize, square
from lmreg.errors import LmregError


def decoded(paths: list[Path], resolution: int | None = None) -> np.ndarray:
    return decode(paths, lambda i: paths[i].name, "data.path=here", resolution)


@pytest.fixture
def grey(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(1, 255, (6, 6), dtype=np.uint8)


def test_grey_pictures_stay_grey_until_one_has_colour(tmp_path: Path, grey: np.ndarray) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(300)]  # more than a thread takes at a time
    for path in paths:
        Image.fromarray(grey).save(path)
    images = decoded(paths)
    assert images.shape == (300, 6, 6, 1)
    assert (images[..., 0] == grey).all()
    colour = np.stack([grey, 255 - grey, grey // 2], axis=-1)
    Image.fromarray(colour).save(paths[299])  # the last decides as the first would
    mixed = decoded(paths)
    assert mixed.shape == (300, 6, 6, 3)
    assert (mixed[:299] == grey[..., None]).all()
    np.testing.assert_array_equal(mixed[299], colour)


def test_every_mode_of_pixels_is_taken(tmp_path: Path, grey: np.ndarray) -> None:
    """Each mode against what a viewer shows on a white page."""
    colour = np.stack([grey, 255 - grey, grey // 2], axis=-1)
    half = np.full((6, 6, 1), 128, np.uint8)
    over_white = 255 - (255 - colour.astype(float)) * 128 / 255
    palette = Image.fromarray(colour).quantize(40)
    clear = palette.copy()
    clear.info["transparency"] = clear.getpixel((2, 3))
    with_hole = np.array(palette.convert("RGB"))
    with_hole[np.asarray(palette) == clear.info["transparency"]] = 255
    grey_alpha = Image.fromarray(np.concatenate([grey[..., None], half], axis=-1))
    cases = {
        "grey": (Image.fromarray(grey), grey[..., None]),
        "16bit": (Image.fromarray(grey.astype(np.uint16) * 257), grey[..., None]),
        "bits": (Image.fromarray(grey > 100), (grey > 100)[..., None] * 255),
        "palette": (palette, np.array(palette.convert("RGB"))),
        "palette_with_a_hole": (clear, with_hole),
        "alpha": (Image.fromarray(np.concatenate([colour, half], axis=-1)), over_white),
        "grey_alpha": (grey_alpha, 255 - (255 - grey[..., None].astype(float)) * 128 / 255),
    }
    for name, (picture, expected) in cases.items():
        picture.save(tmp_path / f"{name}.png")
        images = decoded([tmp_path / f"{name}.png"])
        assert images.shape[1:] == expected.shape, name
        assert np.abs(images[0] - expected).max() <= 1, name


def test_a_cameras_orientation_is_applied(tmp_path: Path) -> None:
    pixels = np.zeros((4, 8), np.uint8)
    pixels[:, :4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    turned = decoded([tmp_path / "a.png"])[0, ..., 0]
    np.testing.assert_array_equal(turned, np.rot90(pixels, -1))


def test_the_middle_square_is_kept_and_averaged() -> None:
    pixels = np.arange(6 * 10, dtype=np.uint8).reshape(6, 10)
    got = np.asarray(square(Image.fromarray(pixels), 3))
    expected = pixels[:, 2:8].reshape(3, 2, 3, 2).mean((1, 3))
    assert np.abs(got - expected).max() <= 0.5
    tall = np.asarray(square(Image.fromarray(pixels.T), 3))
    np.testing.assert_array_equal(tall, got.T)
    larger = np.asarray(square(Image.fromarray(pixels[:6, :6]), 12))
    np.testing.assert_array_equal(larger, pixels[:6, :6].repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("channels", [1, 3])
def test_arrays_and_pictures_are_resized_alike(
    tmp_path: Path, rng: np.random.Generator, channels: int
) -> None:
    images = rng.integers(255, size=(5, 9, 14, channels), dtype=np.uint8)
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image[..., 0] if channels == 1 else image).save(path)
    for size in (5, 7, 14):
        assert resize(images, size).shape == (5, size, size, channels)
        np.testing.assert_array_equal(resize(images, size), decoded(paths, size))
    assert resize(images, None) is images


def test_a_large_photo_keeps_its_look(tmp_path: Path) -> None:
    """Decoded at a part of its size, it is still the average that it would be."""
    ramp = np.linspace(0, 255, 1600).astype(np.uint8)
    photo = np.stack([np.broadcast_to(ramp, (1200, 1600))] * 3, axis=-1)
    Image.fromarray(photo).save(tmp_path / "a.jpg", quality=95)
    got = decoded([tmp_path / "a.jpg"], 16)[0].astype(float)
    expected = np.asarray(square(Image.fromarray(photo), 16)).astype(float)
    assert np.abs(got - expected).max() < 4


def test_pictures_of_different_sizes_are_named(tmp_path: Path) -> None:
    for name, size in (("a.png", (4, 5)), ("b.png", (6, 5))):
        Image.new("L", size).save(tmp_path / name)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    message = (
        r"data.path=here: images differ in size \(a.png has 4x5 and b.png has 6x5\); pass data.resolution="
    )
    with pytest.raises(LmregError, match=message):
        decoded(paths)
    assert decoded(paths, 4).shape == (2, 4, 4, 1)


def test_broken_pictures_are_named(tmp_path: Path, rng: np.random.Generator) -> None:
    good = tmp_path / "good.png"
    Image.fromarray(rng.integers(255, size=(40, 40, 3), dtype=np.uint8)).save(good)
    content = good.read_bytes()
    broken = {
        "empty.png": b"",
        "text.png": b"no picture",
        "cut.png": content[: len(content) // 2],
        "flipped.png": content[:60] + bytes(b ^ 0xFF for b in content[60:200]) + content[200:],
    }
    Image.fromarray(rng.random((6, 6)).astype(np.float32)).save(tmp_path / "float.tif")
    for name, data in broken.items():
        (tmp_path / name).write_bytes(data)
    for name in (*broken, "float.tif", "absent.png"):
        with pytest.raises(LmregError, match=f"can't read {name} as an image: .*mend or remove it") as error:
            decoded([good, tmp_path / name])
        assert "\n" not in str(error.value)
