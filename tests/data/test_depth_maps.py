from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lmreg.data.depth_maps import read_map, read_mask, square_map
from lmreg.data.pixels import square
from lmreg.errors import LmregError

VALUES = np.array([[0, 1, 2.5], [-7, np.inf, 65535]], np.float32)


def pfm(values: np.ndarray, scale: float = -1.0, kind: str = "Pf") -> bytes:
    """Write a map as the format's description says: rows from the bottom up."""
    height, width = values.shape[:2]
    header = f"{kind}\n{width} {height}\n{scale}\n".encode()
    return header + values[::-1].astype("<f4" if scale < 0 else ">f4").tobytes()


@pytest.mark.parametrize("scale", [-1.0, 1.0, -0.003922])
def test_pfm(tmp_path: Path, scale: float) -> None:
    path = tmp_path / "a.PFM"
    path.write_bytes(pfm(VALUES, scale))
    np.testing.assert_array_equal(read_map(path), VALUES)
    # A first value whose lowest byte looks like white space must not be taken for the header's.
    values = np.frombuffer(b"\n\n \x40\r\n\x20\x41", "<f4").reshape(1, 2)
    path.write_bytes(pfm(values))
    np.testing.assert_array_equal(read_map(path), values)


def test_a_pfm_file_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "a.pfm"
    path.write_bytes(b"Pf\n1 2\n-1.0\n" + bytes.fromhex("0000803f00000040"))
    assert read_map(path).tolist() == [[2.0], [1.0]]
    path.write_bytes(b"Pf 1 2\r\n1.0\r\n" + bytes.fromhex("3f80000040000000"))
    assert read_map(path).tolist() == [[2.0], [1.0]]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_png_values_are_kept_exactly(tmp_path: Path, kind: type) -> None:
    values = np.random.default_rng(0).integers(np.iinfo(kind).max, size=(5, 4)).astype(kind)
    values[0, :2] = (0, np.iinfo(kind).max)
    Image.fromarray(values).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_map(tmp_path / "a.png"), values)


@pytest.mark.parametrize("kind", ["<f4", ">f8", "<u2", "i8", "f2"])
def test_npy(tmp_path: Path, kind: str) -> None:
    values = np.arange(6).reshape(2, 3).astype(kind)
    for shape in ((2, 3), (1, 2, 3), (2, 3, 1)):
        np.save(tmp_path / "a.npy", values.reshape(shape))
        np.testing.assert_array_equal(read_map(tmp_path / "a.npy"), values)


def test_faults_are_reported_in_one_line(tmp_path: Path) -> None:
    def refused(message: str, name: str, content: bytes | None = None) -> None:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(LmregError, match=message) as error:
            read_map(tmp_path / name)
        assert str(error.value).startswith(f"can't read {tmp_path / name} as a depth map: ")
        assert "\n" not in str(error.value)

    whole = pfm(VALUES)
    refused("3x2 pixels need 24 bytes, but it has 23; repair or remove it", "a.pfm", whole[:-1])
    refused("need 24 bytes, but it has 25", "a.pfm", whole + b"\0")
    refused("it has no header of a PFM file", "a.pfm", whole[:8])
    refused("it has no header of a PFM file", "a.pfm", b"P5" + whole[2:])
    refused("has three channels", "a.pfm", pfm(np.zeros((2, 2, 3)), kind="PF"))
    refused("its scale is 0", "a.pfm", pfm(VALUES, 0))
    refused("could not convert", "a.pfm", whole.replace(b"-1.0", b"left"))
    refused("0x2 pixels need 0 bytes", "a.pfm", pfm(np.zeros((2, 0))))
    refused("No such file", "b.pfm")
    refused("it is not an image", "a.png", b"torn")
    Image.new("RGB", (3, 3)).save(tmp_path / "a.png")
    refused("its pixels are RGB", "a.png")
    Image.fromarray(np.random.default_rng(0).integers(9999, size=(50, 80)).astype(np.uint16)).save(
        tmp_path / "a.png"
    )
    refused("truncated", "a.png", (tmp_path / "a.png").read_bytes()[:500])
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 4)))
    refused(r"shape \[2, 3, 4\], not \[height, width\]", "a.npy")
    np.save(tmp_path / "a.npy", np.array(["far", "near"]))
    refused("it contains <U4, not an array of numbers", "a.npy")
    np.save(tmp_path / "a.npy", np.array([{}]), allow_pickle=True)
    refused("pickle", "a.npy")
    np.save(tmp_path / "a.npy", VALUES)
    refused("reshape|read all data", "a.npy", (tmp_path / "a.npy").read_bytes()[:-4])


def test_masks(tmp_path: Path) -> None:
    mask = np.array([[True, False, True], [False, False, True]])
    white = (mask * 255).astype(np.uint8)
    pictures = {
        "L": Image.fromarray(white),
        "1": Image.fromarray(mask),
        "I;16": Image.fromarray(mask.astype(np.uint16)),
        "RGBA": Image.fromarray(np.dstack([white, 0 * white, white, np.full_like(white, 255)])),
    }
    for picture in pictures.values():
        picture.save(tmp_path / "a.png")
        np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), mask)
    np.save(tmp_path / "a.npy", mask)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.npy"), mask)
    rounded = np.add.outer(np.arange(40) ** 2, np.arange(30) ** 2) < 900  # the edge crosses JPEG's blocks
    for lossy in ("a.jpg", "a.webp"):
        Image.fromarray((rounded * 255).astype(np.uint8)).save(tmp_path / lossy, quality=60)
        with Image.open(tmp_path / lossy) as picture:
            assert np.asarray(picture.convert("L"))[~rounded].any()  # black has become nearly black
        np.testing.assert_array_equal(read_mask(tmp_path / lossy), rounded)
    (tmp_path / "a.png").write_bytes(b"torn")
    with pytest.raises(LmregError, match=r"a\.png as a mask: it is not an image"):
        read_mask(tmp_path / "a.png")


@pytest.mark.parametrize("shape", [(12, 12), (20, 12), (12, 17), (3, 5)])
def test_a_map_is_cut_as_its_image_is(shape: tuple[int, int]) -> None:
    """In a map that increases to the right and downwards, values are near box means."""
    values = np.add.outer(10.0 * np.arange(shape[0]), np.arange(shape[1]))
    boxes = np.asarray(square(Image.fromarray(values.astype(np.float32)), 6))
    found = square_map(values, 6)
    assert found.shape == (6, 6)
    assert np.abs(found - boxes).max() <= 0.5 * 11 * max(1, min(shape) / 6)
    assert np.isin(found, values).all()  # no means
    np.testing.assert_array_equal(square_map(values, None), values)
