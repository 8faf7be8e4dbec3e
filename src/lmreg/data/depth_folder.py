"""The user's own images with a depth map each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lmreg.config.schema import inherit, option
from lmreg.data import pixels
from lmreg.data.base import DataSource, DeepDataConfig, Part, RawData, Reading, data_folder
from lmreg.data.depth_maps import MASKS, SUFFIXES, read_map, read_mask, squared
from lmreg.data.layout import TEST, TRAIN, check_train_beside, part_folder
from lmreg.data.samples import given_range
from lmreg.data.splits import split_off, unused
from lmreg.data.walk import PICTURES, PassedOver, beside, files
from lmreg.errors import LmregError
from lmreg.task.depth import INVERSE_DEPTH
from lmreg.util.machine import check_memory

_LAYOUTS = "images/ and depth/, or train/ and test/ with these in them"

_OUTSIDE = "picture outside the folders of pairs|pictures outside the folders of pairs"


@dataclass
class Config(DeepDataConfig):
    name: str = option(
        "depth_folder", yaml="${last_part:${.path},depth_folder}", help="name of the folder; names the study"
    )
    path: str | None = option(None, text="path", help=f"folder with {_LAYOUTS}", result=False)
    image_folder: str = option("images", text="text", help="sub-folder of images")
    depth_folder: str = option("depth", text="text", help="sub-folder of depth maps, named as the images are")
    mask_folder: str = option(
        "masks", text="text", help="sub-folder of masks, if there is one; black where depth is missing"
    )
    train_folder: str = option(
        "train", text="text", help="sub-folder with the training pairs, if there is one"
    )
    test_folder: str = option("test", text="text", help="sub-folder with the test pairs, if there is one")
    test_fraction: float = option(
        0.2, min=0, max=1, help="share of test pairs if there is no test folder (frames of videos need one)"
    )
    inverse: bool = option(False, help="whether the maps hold inverse depth (disparity) instead of depth")
    scale: float = option(
        1.0,
        min=1e-12,
        help="factor that makes the maps' values metres (or inverse metres): 0.001 for millimetres",
    )
    invalid: float | None = option(0.0, help="value that stands for missing depth; null: none")
    crop_padding: int = inherit(
        DeepDataConfig,
        "crop_padding",
        help="pixels of padding for random crops of image and depth; 0: no crops",
    )
    flip: bool = inherit(DeepDataConfig, "flip", help="mirror half of the training images, with their depth")


@dataclass(frozen=True)
class _Pair:
    image: Path
    depth: Path
    mask: Path | None


class DepthFolder(DataSource):
    """Images and depth maps with the same names, in folders side by side; masks too if there are any.

    Depth is missing where it has the value `invalid`, isn't finite, or the mask is black, and where
    metric depth isn't above 0.
    """

    gives = INVERSE_DEPTH

    def __init__(self, config: Config):
        self.config: Config = config

    def read(self) -> RawData:
        config, passed = self.config, PassedOver()
        folder = data_folder(config.path, config.name, _LAYOUTS)
        train_folder = part_folder(folder, config.train_folder, TRAIN) or folder / config.train_folder
        test_folder = part_folder(folder, config.test_folder, TEST) or folder / config.test_folder
        if (train_folder / config.image_folder).is_dir():
            if not test_folder.is_dir():
                raise LmregError(
                    f"{train_folder} has pairs, but there is no {test_folder}; pass data.path={train_folder} "
                    "to have one split off, or data.test_folder=<name>"
                )
            train, test = self._pairs(train_folder, passed, folder), self._pairs(test_folder, passed, folder)
            given_names = {train_folder.name: config.train_folder, test_folder.name: config.test_folder}
            taken = tuple(
                f"{there}/ taken for {name}/" for there, name in given_names.items() if there != name
            )
            parts = [train_folder, test_folder]
            notes = unused(config.test_fraction, Config.test_fraction)
        else:
            if config.train_folder != TRAIN:
                inner = train_folder / config.image_folder
                raise LmregError(f"data.train_folder={config.train_folder}: there is no folder {inner}")
            check_train_beside(folder, config.test_folder)
            pairs = self._pairs(folder, passed, folder)
            train, test = split_off(pairs, np.zeros(len(pairs), np.int64), config.test_fraction, self.place)
            taken, parts, notes = (), [folder], ()
        names = (config.image_folder, config.depth_folder, config.mask_folder)
        beside(folder, [part / name for part in parts for name in names], passed, _OUTSIDE)
        pairs = [*train, *test]
        count, given = len(train), given_range(config.value_range)
        decoded = pixels.read_pictures(
            [p.image for p in pairs],
            lambda i: str(pairs[i].image),
            self.place,
            config.resolution,
            count,
            given,
        )
        images = decoded.images
        check_memory(len(pairs), (*images.shape[1:3], 4), self.place)  # maps of four bytes
        maps = np.stack(list(pixels.in_threads(lambda i: self._inverse_depth(pairs[i]), len(pairs))))
        return RawData(
            Part(images[:count], maps[:count]),
            Part(images[count:], maps[count:]),
            sample_range=decoded.samples.sample_range,
            reading=Reading(decoded.samples.words, taken, passed.words(), (*decoded.samples.notes, *notes)),
        )

    def _pairs(self, folder: Path, passed: PassedOver, whole: Path) -> list[_Pair]:
        """Every image in ``folder`` with its map and mask, in an order that no file system decides.

        Raises:
            LmregError: there are none, or one lacks its partner.
        """
        config = self.config
        images = _by_name(folder / config.image_folder, PICTURES, "images", passed, whole)
        maps = _by_name(folder / config.depth_folder, SUFFIXES, "depth maps", passed, whole)
        _matched(images, maps, folder / config.depth_folder, "depth map")
        _matched(maps, images, folder / config.image_folder, "image")
        masks: Mapping[str, Path] = {}
        if (folder / config.mask_folder).is_dir():
            masks = _by_name(folder / config.mask_folder, MASKS, "masks", passed, whole)
            _matched(images, masks, folder / config.mask_folder, "mask")
        return [_Pair(images[name], maps[name], masks.get(name)) for name in sorted(images)]

    def _inverse_depth(self, pair: _Pair) -> np.ndarray:
        """Float32 [height, width], NaN where it is missing, at the resolution of the images."""
        config = self.config
        values = read_map(pair.depth)
        _same_size(values, pair.depth, pair.image)
        valid = np.isfinite(values)
        if config.invalid is not None:
            # A file of single precision has the nearest number to it.
            with np.errstate(over="ignore"):
                valid &= (values != config.invalid) & (values != np.float32(config.invalid))
        if pair.mask is not None:
            mask = read_mask(pair.mask)
            _same_size(mask, pair.mask, pair.image)
            valid &= mask
        if not config.inverse:
            valid &= values > 0
        values, valid = (squared(array, config.resolution) for array in (values, valid))
        with np.errstate(all="ignore"):  # at missing pixels
            scaled = values * config.scale
            inverse = np.where(valid, scaled if config.inverse else 1 / scaled, np.nan).astype(np.float32)
        inverse[~np.isfinite(inverse)] = np.nan
        if np.isnan(inverse).all():
            which = "" if config.invalid is None else f" {config.invalid:g} (data.invalid),"
            raise LmregError(
                f"{pair.depth} has no valid pixel: all are{which} not finite, masked"
                f"{'' if config.inverse else ', or not above 0'}; remove the pair or mend it"
            )
        return inverse


def _by_name(
    folder: Path, suffixes: tuple[str, ...], what: str, passed: PassedOver, whole: Path
) -> dict[str, Path]:
    """The files below ``folder`` by their path in it without its ending."""
    if not folder.is_dir():
        raise LmregError(f"there is no folder {folder}; it should hold the {what}")
    found: dict[str, Path] = {}
    here = PassedOver()
    for path in sorted(files(folder, suffixes, here, whole)):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise LmregError(f"{found[name]} and {path} have one name; remove one of them")
        found[name] = path
    if not found:
        there = f"; it has {', '.join(here.words())}" if here.words() else ""
        raise LmregError(f"{folder} has no {what} in it (files named {', '.join(suffixes[:3])}, ...){there}")
    passed.endings += here.endings
    passed.others += here.others
    return found


def _matched(given: Mapping[str, Path], partners: Mapping[str, Path], folder: Path, what: str) -> None:
    missing = sorted(set(given) - set(partners))
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise LmregError(
            f"{given[missing[0]]}{more} has no {what} {folder / missing[0]}.*; add it, or remove the file"
        )


def _same_size(values: np.ndarray, path: Path, image: Path) -> None:
    height, width = values.shape
    columns, rows = pixels.size(image)
    if (width, height) != (columns, rows):
        raise LmregError(
            f"{path} has {width}x{height} pixels, but {image} has {columns}x{rows}; they must be equal"
        )
