"""The user's own images, in one folder per class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lmreg.config.schema import option
from lmreg.data.base import DataSource, DeepDataConfig, Part, RawData, ReadSummary, data_folder
from lmreg.data.bit_depth import parse_value_range
from lmreg.data.layout import confusable_pairs, describe_difference, find_layout, listed
from lmreg.data.pixels import decode_pictures
from lmreg.data.splits import split_off_test, unused_fraction_note
from lmreg.data.walk import (
    PICTURE_SUFFIXES,
    Skipped,
    count_unread,
    find_nested,
    pictures_in,
    some_files,
    subfolders,
)
from lmreg.errors import LmregError

_LAYOUTS = "<class>/ folders of images, or train/<class>/ and test/<class>/"

_OUTSIDE = "picture outside the class folders|pictures outside the class folders"


@dataclass
class Config(DeepDataConfig):
    name: str = option(
        "folder", yaml="${last_part:${.path},folder}", help="the folder's name; names the study"
    )
    path: str | None = option(None, text="path", help=f"folder with {_LAYOUTS}", result=False)
    train_folder: str = option("train", text="text", help="sub-folder with the training images, if any")
    test_folder: str = option("test", text="text", help="sub-folder with the test images, if any")
    test_fraction: float = option(0.2, min=0, max=1, help="share of test images if there is no test folder")


Labelled = list[tuple[Path, int]]


class ImageFolder(DataSource):
    """Reads images from class folders, at any depth; the classes are the folders' names, sorted."""

    def __init__(self, config: Config):
        self.config: Config = config

    def read(self) -> RawData:
        config, skipped = self.config, Skipped()
        folder = data_folder(config.path, config.name, _LAYOUTS)
        layout = find_layout(folder, config.train_folder, config.test_folder)
        notes = layout.notes
        classes = _classes(layout.train)
        if layout.test is not None:
            _check_same(classes, layout.train, layout.test)
        parts = [layout.train, *([] if layout.test is None else [layout.test])]
        class_folders = [part / name for part in parts for name in classes]
        if nested := find_nested(class_folders):
            raise LmregError(
                f"{nested[1]} and {nested[0]} are the same folder, or one lies in the other, by a "
                "link; give each class of each part a folder of its own"
            )
        if layout.test is None:
            found = _labelled(layout.train, classes, skipped, folder)
            of_class = np.array([label for _, label in found])
            train, test = split_off_test(found, of_class, config.test_fraction, self.place)
        else:
            notes = unused_fraction_note(config.test_fraction, Config.test_fraction)
            train, test = (_labelled(part, classes, skipped, folder) for part in parts)
        count_unread(folder, class_folders, skipped, _OUTSIDE)
        paths = [path for path, _ in (*train, *test)]
        labels = np.array([label for _, label in (*train, *test)], dtype=np.int64)
        count = len(train)
        given = parse_value_range(config.value_range)
        images, mapping = decode_pictures(
            paths, lambda i: str(paths[i]), self.place, config.resolution, count, given
        )
        return RawData(
            Part(images[:count], labels[:count]),
            Part(images[count:], labels[count:]),
            tuple(classes),
            mapping.sample_range,
            ReadSummary(mapping.words, layout.assumptions, skipped.words(), (*mapping.notes, *notes)),
        )


def _classes(folder: Path) -> list[str]:
    names = [path.name for path in subfolders(folder)]
    if not names:
        here = f" (but {len(pictures)} pictures)" if (pictures := pictures_in(folder)) else ""
        raise LmregError(f"{folder} contains no folders{here}; it should have {_LAYOUTS}")
    if len(names) == 1:
        inside = [path.name for path in subfolders(folder / names[0])]
        hint = f"; if {listed(inside)} are the classes, pass data.path={folder / names[0]}" if inside else ""
        raise LmregError(
            f"{folder} has only one class ({names[0]}); at least two class folders are needed{hint}"
        )
    return names


def _check_same(classes: Sequence[str], train: Path, test: Path) -> None:
    """Check that both parts have the same classes."""
    names = {path.name for path in subfolders(test)}
    for missing, place in ((set(classes) - names, test), (names - set(classes), train)):
        if missing:
            first = min(missing)
            alike = [p.name for p in subfolders(place) if confusable_pairs((first, p.name))]
            hint = ""
            if alike:
                hint = f" (it has {alike[0]}, which differs only by {describe_difference(first, alike[0])})"
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise LmregError(f"{place} lacks the class {first}{more}; both parts must have the same{hint}")


def _labelled(folder: Path, classes: Sequence[str], skipped: Skipped, root: Path) -> Labelled:
    """Return every image below the folders of ``classes`` with its label, sorted; no class may be empty."""
    found: Labelled = []
    for label, name in enumerate(classes):
        images = some_files(folder / name, PICTURE_SUFFIXES, "images", skipped, root)
        found += [(path, label) for path in images]
    return found
