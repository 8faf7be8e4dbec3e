from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from lmreg.data.bit_depth import FULL_16_BIT, ByteMapping, parse_value_range
from lmreg.data.pixels import decode_pictures, resize, square
from lmreg.errors import LmregError


def decoded(paths: list[Path], resolution: int | None = None) -> np.ndarray:
    name, count = (lambda i: paths[i].name), len(paths)
    return decode_pictures(paths, name, "data.path=here", resolution, count, None)[0]


@pytest.fixture
def grey(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(1, 255, (6, 6), dtype=np.uint8)


def test_grey_pictures_stay_grey_until_one_has_colour(tmp_path: Path, grey: np.ndarray) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(300)]  # several threads' tasks
    for path in paths:
        Image.fromarray(grey).save(path)
    images = decoded(paths)
    assert images.shape == (300, 6, 6, 1)
    assert (images[..., 0] == grey).all()
    colour = np.stack([grey, 255 - grey, grey // 2], axis=-1)
    Image.fromarray(colour).save(paths[299])  # a single picture in colour, the last one
    mixed = decoded(paths)
    assert mixed.shape == (300, 6, 6, 3)
    assert (mixed[:299] == grey[..., None]).all()
    np.testing.assert_array_equal(mixed[299], colour)


def test_every_mode_of_pixels_is_taken(tmp_path: Path, grey: np.ndarray) -> None:
    """Each mode is compared with what a viewer shows on white."""
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
    exif[0x0112] = 6  # must be rotated clockwise
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


def test_a_large_photo_is_averaged(tmp_path: Path) -> None:
    """A photo that is decoded at a fraction of its size still gives the same averages."""
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
    for name, data in broken.items():
        (tmp_path / name).write_bytes(data)
    for name in (*broken, "absent.png"):
        with pytest.raises(
            LmregError, match=f"can't read {name} as an image: .*repair or remove it"
        ) as error:
            decoded([good, tmp_path / name])
        assert "\n" not in str(error.value)


def save16(folder: Path, values: np.ndarray, suffix: str = "png") -> list[Path]:
    """Save grey pictures [n, height, width] of 16 bits, or of 32 bits if the ending is tif."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{i}.{suffix}" for i in range(len(values))]
    for path, value in zip(paths, values, strict=True):
        Image.fromarray(value).save(path)
    return paths


class Read(NamedTuple):
    images: np.ndarray
    mapping: ByteMapping


def read(paths: list[Path], training: int | None = None, given: tuple[float, float] | None = None) -> Read:
    count = len(paths) if training is None else training
    return Read(*decode_pictures(paths, lambda i: paths[i].name, "data.path=here", None, count, given))


@pytest.mark.parametrize(
    ("scale", "offset", "expected", "words"),
    [
        (1, 0, (0, 255), "16-bit samples 0 to 255, mapped to 0 to 255"),
        (1, 1025, (1025, 1280), "16-bit samples 1025 to 1280, mapped to 0 to 255"),
        (16, 0, (0, 4080), "16-bit samples 0 to 4080, mapped to 0 to 255"),
        (1, 65280, (65280, 65535), "16-bit samples 65280 to 65535, mapped to 0 to 255"),
        (256, 0, FULL_16_BIT, "16-bit samples 0 to 65280, upper 8 bits kept"),
    ],
)
def test_pictures_of_16_bits_are_mapped_from_the_range_that_they_have(
    tmp_path: Path, scale: int, offset: int, expected: tuple[float, float], words: str
) -> None:
    pixels = np.arange(256, dtype=np.uint16).reshape(4, 8, 8)
    decoded = read(save16(tmp_path, pixels * scale + offset))
    np.testing.assert_array_equal(decoded.images[..., 0], pixels)
    assert decoded.mapping.sample_range == expected
    assert decoded.mapping.words == words


def test_the_range_is_the_training_pictures_unless_it_is_given(tmp_path: Path) -> None:
    values = np.array([[[100, 200]], [[150, 300]], [[0, 1000]]], np.uint16)
    paths = save16(tmp_path, values)
    decoded = read(paths, training=2)
    assert decoded.images[..., 0].tolist() == [[[0, 128]], [[64, 255]], [[0, 255]]]
    assert decoded.mapping.sample_range == (100, 300)
    decoded = read(paths, training=2, given=(0, 510))
    assert decoded.images[..., 0].tolist() == [[[50, 100]], [[75, 150]], [[0, 255]]]
    assert decoded.mapping.words == "16-bit samples 100 to 300, 0 to 510 mapped to 0 to 255"
    np.testing.assert_array_equal(read(paths, 2, FULL_16_BIT).images[..., 0], values >> 8)


def test_floating_point_and_signed_samples_are_mapped_too(tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    for values, expected in (
        (pixels.astype(np.float32) / 255, (0, 1)),
        (pixels.astype(np.float32), (0, 255)),
        (pixels.astype(np.float32) / 1000, (0, 0.255)),
        (pixels.astype(np.int32) - 1000, (-1000, -745)),
    ):
        decoded = read(save16(tmp_path, values, "tif"))
        assert decoded.mapping.sample_range == pytest.approx(expected)
        np.testing.assert_array_equal(decoded.images[..., 0], pixels)
    # A picture that spans most of 0 to 1 is mapped by this range, not stretched.
    decoded = read(save16(tmp_path, np.array([[[0.1, 0.5, 0.8]]], np.float32), "tif"))
    assert decoded.images.ravel().tolist() == [26, 128, 204]
    with pytest.raises(LmregError, match=r"can't read 0.tif as an image: it has samples that aren't finite"):
        read(save16(tmp_path, np.array([[[0.1, np.nan]]], np.float32), "tif"))


def test_unsuitable_ranges_are_refused(tmp_path: Path) -> None:
    low = save16(tmp_path / "low", np.array([[[1045, 1255]]], np.uint16))
    full = save16(tmp_path / "full", np.array([[[0, 65535]]], np.uint16))
    eight = save16(tmp_path / "eight", np.array([[[10, 20]]], np.uint8))
    flat = save16(tmp_path / "flat", np.array([[[7, 7]]], np.uint16))
    message = "0.png has 16-bit samples and 0.png has 8-bit samples, and those .* range only from 1045"
    for paths in ([*low, *eight], [*eight, *low]):
        with pytest.raises(LmregError, match=message):
            read(paths)
        with pytest.raises(LmregError, match=message):
            read(paths, training=1)
    assert read([*low, *eight], given=(1045, 1300)).images.ravel().tolist() == [0, 210, 10, 20]
    assert read([*full, *eight]).images.ravel().tolist() == [0, 255, 10, 20]
    with pytest.raises(
        LmregError, match=r"here: every 16-bit sample of the training images is 7; nothing can"
    ):
        read(flat)
    with pytest.raises(
        LmregError, match=r"data.value_range is for samples of more than 8 bits, but those of"
    ):
        read(eight, given=(0, 20))
    for given in ([1.0], [2.0, 1.0], [1.0, 1.0], [0.0, 1.0, 2.0], [0.0, float("nan")], []):
        with pytest.raises(LmregError, match=r"data.value_range=\[.*\]: must be two numbers, \[low,high\]"):
            parse_value_range(given)
    assert parse_value_range(None) is None
    assert parse_value_range([0, 5]) == (0, 5)


def test_a_few_bright_samples_that_darken_the_rest_are_noted(tmp_path: Path) -> None:
    values = np.arange(4000, dtype=np.uint16).reshape(10, 20, 20)
    assert not read(save16(tmp_path, values)).mapping.notes
    values[0, 0, 0] = 65535
    (note,) = read(save16(tmp_path, values)).mapping.notes
    assert "99 % of the samples are at most 4095 of 65535" in note
    assert "data.value_range=[0,4095]" in note


def test_files_of_more_bits_than_the_others_are_counted(tmp_path: Path) -> None:
    eight = save16(tmp_path / "eight", np.zeros((3, 2, 2), np.uint8))
    deep = save16(tmp_path / "deep", np.array([[[0, 65535]] * 2] * 2, np.uint16))
    (note,) = read([*eight, *deep]).mapping.notes
    assert note == "2 of 5 pictures have samples of more than 8 bits, the others 8 bits"
    assert not read(deep).mapping.notes
    assert not read(eight).mapping.notes


def test_files_with_several_pictures_are_noted(tmp_path: Path, grey: np.ndarray) -> None:
    pages = [Image.fromarray(p) for p in (grey, grey // 2)]
    for suffix in ("tif", "gif", "webp", "png"):
        path = tmp_path / f"a.{suffix}"
        pages[0].save(path, save_all=True, append_images=pages[1:])
        Image.fromarray(grey).save(tmp_path / f"b.{suffix}")
        assert not read([tmp_path / f"b.{suffix}"]).mapping.notes
        (note,) = read([path, tmp_path / f"b.{suffix}"]).mapping.notes
        assert note.startswith("1 files have several pictures (frames, pages)")


def test_colours_of_16_bits_are_noted(tmp_path: Path) -> None:
    """Pillow returns only their upper 8 bits; as it doesn't write such files, the test does."""
    rows = b"".join(b"\0" + np.full((4, 3), 0x1234, ">u2").tobytes() for _ in range(4))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    (tmp_path / "a.png").write_bytes(content)
    decoded = read([tmp_path / "a.png"])
    assert (decoded.images == 0x12).all()
    assert decoded.mapping.sample_range is None
    assert decoded.mapping.notes == ("only the upper 8 bits of 16-bit colours are read",)


def test_a_palette_of_greys_is_grey(tmp_path: Path, grey: np.ndarray) -> None:
    few = grey // 64 * 60 + 7
    Image.fromarray(few).save(tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.mode == "P"
    images = decoded([tmp_path / "a.gif"])
    np.testing.assert_array_equal(images, few[None, ..., None])
    Image.fromarray(np.stack([few, few, few // 2], -1)).quantize(16).save(tmp_path / "b.gif")
    assert decoded([tmp_path / "b.gif"]).shape[-1] == 3


def test_large_pictures_cause_no_warning_of_pillow(tmp_path: Path) -> None:
    Image.new("L", (30, 20)).save(tmp_path / "a.png")
    code = (
        "import sys; from PIL import Image; Image.MAX_IMAGE_PIXELS = 400; "
        "from lmreg.data.pixels import decode_pictures; "
        "print(decode_pictures([sys.argv[1]], str, 'here', None, 1, None)[0].shape)"
    )
    command = [sys.executable, "-W", "default::Warning:PIL.Image", "-c", code, str(tmp_path / "a.png")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("(1, 20, 30, 1)\n", "")


def test_images_that_exceed_the_memory_are_refused_before_decoding(tmp_path: Path, grey: np.ndarray) -> None:
    Image.fromarray(grey).save(tmp_path / "a.png")
    with pytest.raises(
        LmregError, match=r"here: 1 images of 10000000x10000000 pixels take 93,132 GiB, but this"
    ):
        decoded([tmp_path / "a.png"], 10_000_000)
    with pytest.raises(LmregError, match=r"data.resolution=9999999: 1 images of .* pass a smaller"):
        resize(grey[None, ..., None], 9_999_999)
