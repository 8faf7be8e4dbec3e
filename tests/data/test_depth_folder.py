from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.data.test_depth_maps import pfm

from lmreg.data.base import RawData
from lmreg.data.depth_folder import Config, DepthFolder
from lmreg.data.images import ImageData
from lmreg.data.scenes import draw_scenes, render_scenes
from lmreg.errors import LmregError

COUNT, SIDE = 10, 12


def source(folder: Path, **options: object) -> DepthFolder:
    return DepthFolder(Config(path=str(folder), **options))  # type: ignore[arg-type]


def read(folder: Path, **options: object) -> RawData:
    return source(folder, **options).read()


def fill(folder: Path, form: str = "npy", seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A folder of rendered scenes as pairs of files, with their images and depth [n, side, side]."""
    images, depth = render_scenes(draw_scenes(np.random.default_rng(seed), COUNT), SIDE)
    (folder / "images").mkdir(parents=True)
    (folder / "depth").mkdir()
    for i in range(COUNT):
        Image.fromarray(images[i]).save(folder / "images" / f"{i:02}.png")
        if form == "npy":
            np.save(folder / "depth" / f"{i:02}.npy", depth[i])
        elif form == "pfm":
            (folder / "depth" / f"{i:02}.pfm").write_bytes(pfm(depth[i]))
        else:
            depth[i] = np.nan_to_num(depth[i] * 1000).round()
            Image.fromarray(depth[i].astype(np.uint16)).save(folder / "depth" / f"{i:02}.png")
    return images, depth


def both(raw: RawData) -> tuple[np.ndarray, np.ndarray]:
    """Return all images and maps, ordered by the images' pixels."""
    images, maps = (
        np.concatenate([getattr(part, name) for part in (raw.train, raw.test)])
        for name in ("images", "targets")
    )
    return by_pixels(images, maps)


def by_pixels(images: np.ndarray, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = sorted(range(len(images)), key=lambda i: images[i].tobytes())
    return images[order], maps[order]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    fill(tmp_path / "pairs")
    return tmp_path / "pairs"


@pytest.mark.parametrize("form", ["npy", "pfm"])
def test_pairs_come_back_as_inverse_depth(tmp_path: Path, form: str) -> None:
    images, depth = by_pixels(*fill(tmp_path, form))
    raw = read(tmp_path)
    assert (len(raw.train.images), len(raw.test.images)) == (8, 2)
    assert raw.train.targets.dtype == np.float32
    found = both(raw)
    np.testing.assert_array_equal(found[0], images)
    np.testing.assert_array_equal(found[1], 1 / depth)
    assert np.isnan(depth).any()  # the sky, which is missing
    np.testing.assert_array_equal(both(read(tmp_path, inverse=True, scale=2))[1], 2 * depth)


def test_png_of_16_bits_keeps_every_value(tmp_path: Path) -> None:
    _, millimetres = by_pixels(*fill(tmp_path, "png"))
    assert (millimetres % 256 != 0).any()
    _, found = both(read(tmp_path, scale=0.001))
    valid = millimetres != 0
    assert not valid.all()
    np.testing.assert_allclose(found[valid], 1000 / millimetres[valid], rtol=1e-6)
    assert np.isnan(found[~valid]).all()
    # As disparity without a value for missing depth, all values count.
    np.testing.assert_array_equal(both(read(tmp_path, inverse=True, invalid=None))[1], millimetres)


def test_missing_depth(pairs: Path) -> None:
    values = np.arange(SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)
    values[1, :3] = (np.nan, np.inf, -1)
    np.save(pairs / "depth" / "03.npy", values)

    def missing(**options: object) -> set[int]:
        raw = read(pairs, test_fraction=0.1, **options)
        _, maps = both(raw)
        image = np.asarray(Image.open(pairs / "images" / "03.png"))
        which = [i for i, other in enumerate(both(raw)[0]) if np.array_equal(image, other)]
        return set(np.flatnonzero(np.isnan(maps[which[0]])).tolist())

    gaps = {SIDE, SIDE + 1}
    assert missing() == {0, *gaps, SIDE + 2}
    assert missing(invalid=5) == {0, 5, *gaps, SIDE + 2}  # metric depth is above 0
    assert missing(inverse=True) == {0, *gaps}
    assert missing(inverse=True, invalid=None) == gaps
    (pairs / "masks").mkdir()
    mask = np.full((SIDE, SIDE), 255, np.uint8)
    for i in range(COUNT):
        Image.fromarray(mask).save(pairs / "masks" / f"{i:02}.png")
    assert missing(inverse=True) == {0, *gaps}
    mask[7, 7] = 0
    Image.fromarray(mask).save(pairs / "masks" / "03.png")
    assert missing(inverse=True) == {0, 7 * SIDE + 7, *gaps}


def test_the_users_own_parts_are_kept(tmp_path: Path) -> None:
    train, test = fill(tmp_path / "train"), fill(tmp_path / "test", seed=1)
    for part in ("train", "test"):  # deeper folders are part of a file's name
        for kind in ("images", "depth"):
            below = tmp_path / part / kind / "scene"
            below.mkdir()
            first = sorted((tmp_path / part / kind).glob("00.*"))[0]
            first.rename(below / first.name)
    raw = read(tmp_path)
    for part, (images, depth) in ((raw.train, train), (raw.test, test)):
        found, expected = by_pixels(part.images, part.targets), by_pixels(images, 1 / depth)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])
    (tmp_path / "test").rename(tmp_path / "holdout")
    assert len(read(tmp_path, test_folder="holdout").test.images) == COUNT
    with pytest.raises(LmregError, match=r"there is no .*test; pass data.path=.*train to have one split off"):
        read(tmp_path)


def test_the_split_is_the_same_every_time(pairs: Path) -> None:
    first = read(pairs)
    moved = pairs.parent / "moved"
    for path in sorted(pairs.rglob("*.*"), reverse=True):
        (moved / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, moved / path.parent.name)
    again = read(moved)
    np.testing.assert_array_equal(first.test.images, again.test.images)
    np.testing.assert_array_equal(first.test.targets, again.test.targets)


def test_resizing_moves_depth_with_its_image_and_mixes_nothing(pairs: Path) -> None:
    """Brightness equals depth here; after shrinking by a whole factor it still does, except in blocks in
    which it varies."""
    blocks = np.random.default_rng(1).integers(1, 250, (COUNT, 4, 6), dtype=np.uint8)
    large = blocks.repeat(5, 1).repeat(5, 2)  # 20 x 30 pixels, of which 5 columns are cropped on each side
    for i in range(COUNT):
        Image.fromarray(large[i]).save(pairs / "images" / f"{i:02}.png")
        np.save(
            pairs / "depth" / f"{i:02}.npy", np.where(large[i] > 200, np.nan, large[i].astype(np.float32))
        )
    raw = read(pairs, resolution=4, inverse=True)
    for part in (raw.train, raw.test):
        assert part.images.shape[1:] == (4, 4, 1)
        pixels = part.images[..., 0]
        np.testing.assert_array_equal(part.targets, np.where(pixels > 200, np.nan, pixels.astype(float)))


def test_it_makes_batches(pairs: Path) -> None:
    data = ImageData(source(pairs, crop_padding=2, flip=True), torch.device("cpu"))
    assert data.sizes == {"train": 4, "rank": 2, "score": 2, "test": 2}
    batch = data.split("train").augmented(torch.arange(4), torch.Generator().manual_seed(0))
    assert batch.targets.shape == (4, SIDE, SIDE)


def test_faults_are_reported_in_one_line(pairs: Path) -> None:
    def refused(message: str, **options: object) -> None:
        with pytest.raises(LmregError, match=message) as error:
            read(pairs, **options)
        assert "\n" not in str(error.value)

    images, depth = pairs / "images", pairs / "depth"
    with pytest.raises(LmregError, match=r"data=depth_folder needs data[.]path="):
        DepthFolder(Config()).read()
    refused(f"there is no folder {pairs / 'nowhere'}; it should contain the images", image_folder="nowhere")
    refused(f"there is no folder {pairs / 'nowhere'}; it should contain the depth", depth_folder="nowhere")
    for fraction in (0.0, 1.0):
        refused(f"data.test_fraction={fraction:g}: the split fractions", test_fraction=fraction)
    saved = (depth / "04.npy").read_bytes()
    np.save(depth / "04.npy", np.zeros((SIDE, SIDE)))
    refused(
        rf"{depth}/04.npy has no valid pixel: all are 0 \(data.invalid\), not finite, masked, or not above 0"
    )
    refused("has no valid pixel: all are 0", inverse=True)
    assert len(read(pairs, inverse=True, invalid=None).train.images) == 8
    np.save(depth / "04.npy", np.ones((SIDE, SIDE + 1)))
    refused(rf"{depth}/04.npy has 13x12 pixels, but {images}/04.png has 12x12; sizes must be equal")
    refused("13x12 pixels", resolution=6)
    np.save(depth / "04.npy", np.ones((SIDE, SIDE, 3)))
    refused(r"can't read .*04.npy as a depth map: its array has shape \[12, 12, 3\]")
    (depth / "04.npy").write_bytes(saved[:-9])
    refused("can't read .*04.npy as a depth map")
    (depth / "04.npy").unlink()
    (depth / "04.pfm").write_bytes(pfm(np.ones((SIDE, SIDE)))[:-1])
    refused(r"04.pfm as a depth map: 12x12 pixels need 576 bytes, but it has 575")
    (depth / "04.pfm").unlink()
    refused(rf"{images}/04.png has no depth map {depth}/04.\*; add it, or remove the file")
    (depth / "07.npy").unlink()
    refused(rf"{images}/04.png \(and 1 more\) has no depth map")
    for name in ("04", "07"):
        (depth / f"{name}.npy").write_bytes(saved)
    (images / "02.png").unlink()
    refused(rf"{depth}/02.npy has no image {images}/02.\*")
    shutil.copy(images / "01.png", images / "02.png")
    shutil.copy(images / "01.png", images / "01.jpg")
    refused("01.jpg and .*01.png have the same name; remove one of them")
    (images / "01.jpg").unlink()
    (pairs / "masks").mkdir()
    refused(f"{pairs / 'masks'} contains no masks")
    np.save(pairs / "masks" / "00.npy", np.ones((SIDE, SIDE)))
    refused(rf"{images}/01.png \(and 8 more\) has no mask {pairs}/masks/01.\*")
    for i in range(COUNT):
        np.save(pairs / "masks" / f"{i:02}.npy", np.ones((SIDE, SIDE)))
    np.save(pairs / "masks" / "05.npy", np.ones((3, 2)))
    refused(rf"masks/05.npy has 2x3 pixels, but {images}/05.png has 12x12")
    shutil.rmtree(pairs / "masks")
    for path in depth.iterdir():
        path.rename(path.with_suffix(".exr"))
    refused(r"depth contains no depth maps \(.png, .npy, .pfm, ...\)")


def test_a_value_for_missing_depth_that_single_precision_rounds(tmp_path: Path) -> None:
    _, depth = fill(tmp_path, "pfm")
    for i in range(COUNT):
        depth[i, 0, :3] = -9999.9
        depth[i, 1] = np.finfo(np.float32).max
        (tmp_path / "depth" / f"{i:02}.pfm").write_bytes(pfm(depth[i]))
    for value, row in ((-9999.9, depth[:, 0, :3]), (3.4028235e38, depth[:, 1])):
        assert (row.astype(np.float64) != value).all()
        _, maps = both(read(tmp_path, invalid=value, inverse=True))
        rest = maps[:, 0, :3] if value < 0 else maps[:, 1]
        assert np.isnan(rest).all()
        assert np.isfinite(maps[:, -1]).all()


@pytest.mark.parametrize("part", ["", "train"])
def test_files_beside_the_pairs_are_reported(tmp_path: Path, part: str) -> None:
    fill(tmp_path / part)
    if part:
        fill(tmp_path / "test", seed=1)
    (tmp_path / "calib.txt").write_text("1 2 3")
    (tmp_path / part / "depth_vis").mkdir()
    for place in ("depth_vis", "."):
        Image.new("L", (4, 4)).save(tmp_path / part / place / "0.png")
    inner = f"{part}/depth_vis" if part else "depth_vis"
    skipped = read(tmp_path).summary.skipped
    assert skipped == ("1 .txt file", "1 picture outside the folders of pairs", f"{inner}/ (1 picture)")


def test_a_part_that_is_asked_for_must_exist(pairs: Path) -> None:
    (pairs / "hold").mkdir()
    for name, options, message in (
        ("test", {"test_folder": "hold"}, "no training folder beside it"),
        ("test", {"test_folder": "held"}, "has no such folder"),
        ("train", {"train_folder": "fit"}, "there is no folder .*fit/images"),
    ):
        with pytest.raises(LmregError, match=f"data.{name}_folder=.*{message}"):
            read(pairs, **options)
