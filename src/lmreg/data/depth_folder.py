"""The user's own images, each with a depth map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lmreg.config.schema import inherit, option
from lmreg.data.base import DataSource, DeepDataConfig, Part, RawData, ReadSummary, data_folder
from lmreg.data.bit_depth import parse_value_range
from lmreg.data.depth_maps import MAP_SUFFIXES, MASK_SUFFIXES, read_map, read_mask, square_map
from lmreg.data.layout import TEST, TRAIN, check_has_train_folder, part_folder
from lmreg.data.pixels import decode_pictures, map_in_threads, picture_size
from lmreg.data.splits import split_off_test, unused_fraction_note
from lmreg.data.walk import PICTURE_SUFFIXES, Skipped, count_unread, some_files
from lmreg.errors import LmregError
from lmreg.task.depth import INVERSE_DEPTH
from lmreg.util.machine import check_memory

_LAYOUTS = "images/ and depth/, or train/ and test/ with these in them"

_OUTSIDE = "picture outside the folders of pairs|pictures outside the folders of pairs"


@dataclass
class Config(DeepDataConfig):
    name: str = option(
        "depth_folder", yaml="${last_part:${.path},depth_folder}", help="the folder's name; names the study"
    )
    path: str | None = option(None, text="path", help=f"folder with {_LAYOUTS}", result=False)
    image_folder: str = option("images", text="text", help="sub-folder of images")
    depth_folder: str = option("depth", text="text", help="sub-folder of depth maps, named as the images are")
    mask_folder: str = option(
        "masks", text="text", help="sub-folder of masks, if any; black where depth is missing"
    )
    train_folder: str = option("train", text="text", help="sub-folder with the training pairs, if any")
    test_folder: str = option("test", text="text", help="sub-folder with the test pairs, if any")
    test_fraction: float = option(
        0.2, min=0, max=1, help="share of test pairs if there is no test folder (frames of videos need one)"
    )
    inverse: bool = option(False, help="whether the maps hold inverse depth (disparity) instead of depth")
    scale: float = option(
        1.0, min=1e-12, help="factor that makes the maps' values metres (or inverse metres): 0.001 for mm"
    )
    invalid: float | None = option(0.0, help="value that stands for missing depth; null: none")
    crop_padding: int = inherit(
        DeepDataConfig, "crop_padding", help="padding for random crops of image and depth; 0: none"
    )
    flip: bool = inherit(DeepDataConfig, "flip", help="mirror half of the training images, with their depth")


@dataclass(frozen=True)
class _Pair:
    image: Path
    depth: Path
    mask: Path | None


class DepthFolder(DataSource):
    """Reads images and depth maps of the same names from two folders, and masks from a third if it exists.

    Depth is missing where it has the value `invalid` or isn't finite, where the mask is black, and where
    metric depth isn't above 0.
    """

    gives = INVERSE_DEPTH

    def __init__(self, config: Config):
        self.config: Config = config

    def read(self) -> RawData:
        config, skipped = self.config, Skipped()
        folder = data_folder(config.path, config.name, _LAYOUTS)
        train_folder = part_folder(folder, config.train_folder, TRAIN) or folder / config.train_folder
        test_folder = part_folder(folder, config.test_folder, TEST) or folder / config.test_folder
        if (train_folder / config.image_folder).is_dir():
            if not test_folder.is_dir():
                raise LmregError(
                    f"{train_folder} has pairs, but there is no {test_folder}; pass data.path={train_folder} "
                    "to have one split off, or data.test_folder=<name>"
                )
            parts = [train_folder, test_folder]
            train, test = (self._pairs(part, skipped, folder) for part in parts)
            given_names = {train_folder.name: config.train_folder, test_folder.name: config.test_folder}
            assumptions = tuple(
                f"{found}/ taken for {name}/" for found, name in given_names.items() if found != name
            )
            notes = unused_fraction_note(config.test_fraction, Config.test_fraction)
        else:
            if config.train_folder != TRAIN:
                inner = train_folder / config.image_folder
                raise LmregError(f"data.train_folder={config.train_folder}: there is no folder {inner}")
            check_has_train_folder(folder, config.test_folder)
            pairs = self._pairs(folder, skipped, folder)
            train, test = split_off_test(
                pairs, np.zeros(len(pairs), np.int64), config.test_fraction, self.place
            )
            assumptions, parts, notes = (), [folder], ()
        names = (config.image_folder, config.depth_folder, config.mask_folder)
        count_unread(folder, [part / name for part in parts for name in names], skipped, _OUTSIDE)
        pairs = [*train, *test]
        count, given = len(train), parse_value_range(config.value_range)
        paths = [pair.image for pair in pairs]
        images, mapping = decode_pictures(
            paths, lambda i: str(paths[i]), self.place, config.resolution, count, given
        )
        check_memory(len(pairs), (*images.shape[1:3], 4), self.place)  # maps of four bytes per pixel
        maps = np.stack(list(map_in_threads(lambda i: self._inverse_depth(pairs[i]), len(pairs))))
        return RawData(
            Part(images[:count], maps[:count]),
            Part(images[count:], maps[count:]),
            sample_range=mapping.sample_range,
            summary=ReadSummary(mapping.words, assumptions, skipped.words(), (*mapping.notes, *notes)),
        )

    def _pairs(self, folder: Path, skipped: Skipped, root: Path) -> list[_Pair]:
        """Return every image in ``folder`` with its map and mask, sorted by name; none may lack its
        counterpart."""
        config = self.config
        images = _by_name(folder / config.image_folder, PICTURE_SUFFIXES, "images", skipped, root)
        maps = _by_name(folder / config.depth_folder, MAP_SUFFIXES, "depth maps", skipped, root)
        _check_matched(images, maps, folder / config.depth_folder, "depth map")
        _check_matched(maps, images, folder / config.image_folder, "image")
        masks: Mapping[str, Path] = {}
        if (folder / config.mask_folder).is_dir():
            masks = _by_name(folder / config.mask_folder, MASK_SUFFIXES, "masks", skipped, root)
            _check_matched(images, masks, folder / config.mask_folder, "mask")
        return [_Pair(images[name], maps[name], masks.get(name)) for name in sorted(images)]

    def _inverse_depth(self, pair: _Pair) -> np.ndarray:
        """Return inverse depth float32 [height, width] at the images' resolution, NaN where it is missing."""
        config = self.config
        values = read_map(pair.depth)
        _check_same_size(values, pair.depth, pair.image)
        valid = np.isfinite(values)
        if config.invalid is not None:
            # A file of single precision contains the nearest float32 instead.
            with np.errstate(over="ignore"):
                valid &= (values != config.invalid) & (values != np.float32(config.invalid))
        if pair.mask is not None:
            mask = read_mask(pair.mask)
            _check_same_size(mask, pair.mask, pair.image)
            valid &= mask
        if not config.inverse:
            valid &= values > 0
        values, valid = (square_map(array, config.resolution) for array in (values, valid))
        with np.errstate(all="ignore"):  # for missing pixels
            scaled = values * config.scale
            inverse = np.where(valid, scaled if config.inverse else 1 / scaled, np.nan).astype(np.float32)
        inverse[~np.isfinite(inverse)] = np.nan
        if np.isnan(inverse).all():
            which = "" if config.invalid is None else f" {config.invalid:g} (data.invalid),"
            raise LmregError(
                f"{pair.depth} has no valid pixel: all are{which} not finite, masked"
                f"{'' if config.inverse else ', or not above 0'}; remove or repair the pair"
            )
        return inverse


def _by_name(
    folder: Path, suffixes: tuple[str, ...], content: str, skipped: Skipped, root: Path
) -> dict[str, Path]:
    """Return the files below ``folder`` by their path in it without the ending."""
    if not folder.is_dir():
        raise LmregError(f"there is no folder {folder}; it should contain the {content}")
    found: dict[str, Path] = {}
    for path in some_files(folder, suffixes, content, skipped, root):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise LmregError(f"{found[name]} and {path} have the same name; remove one of them")
        found[name] = path
    return found


def _check_matched(
    files: Mapping[str, Path], counterparts: Mapping[str, Path], folder: Path, kind: str
) -> None:
    missing = sorted(set(files) - set(counterparts))
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise LmregError(
            f"{files[missing[0]]}{more} has no {kind} {folder / missing[0]}.*; add it, or remove the file"
        )


def _check_same_size(values: np.ndarray, path: Path, image: Path) -> None:
    height, width = values.shape
    columns, rows = picture_size(image)
    if (width, height) != (columns, rows):
        raise LmregError(
            f"{path} has {width}x{height} pixels, but {image} has {columns}x{rows}; sizes must be equal"
        )
