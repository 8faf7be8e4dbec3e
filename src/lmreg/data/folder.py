"""The user's own images, in one folder per class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lmreg.config.schema import option
from lmreg.data.base import DataSource, DeepDataConfig, Part, RawData, Reading, data_folder
from lmreg.data.layout import difference, find, nearly_same
from lmreg.data.pixels import read_pictures
from lmreg.data.samples import given_range
from lmreg.data.splits import split_off, unused
from lmreg.data.walk import PICTURES, PassedOver, beside, files, one_in_another, pictures_in, subfolders
from lmreg.errors import LmregError

_LAYOUTS = "<class>/ folders of images, or train/<class>/ and test/<class>/"

_OUTSIDE = "picture outside the class folders|pictures outside the class folders"


@dataclass
class Config(DeepDataConfig):
    name: str = option(
        "folder", yaml="${last_part:${.path},folder}", help="name of the folder; names the study"
    )
    path: str | None = option(None, text="path", help=f"folder with {_LAYOUTS}", result=False)
    train_folder: str = option(
        "train", text="text", help="sub-folder with the training images, if there is one"
    )
    test_folder: str = option("test", text="text", help="sub-folder with the test images, if there is one")
    test_fraction: float = option(0.2, min=0, max=1, help="share of test images if there is no test folder")


Labelled = list[tuple[Path, int]]


class ImageFolder(DataSource):
    """Classes are the folders' names in alphabetical order; images may lie in folders further down."""

    def __init__(self, config: Config):
        self.config: Config = config

    def read(self) -> RawData:
        config, passed = self.config, PassedOver()
        notes: tuple[str, ...] = ()
        folder = data_folder(config.path, config.name, _LAYOUTS)
        layout = find(folder, config.train_folder, config.test_folder)
        classes = _classes(layout.train)
        if layout.test is not None:
            _check_same(classes, layout.train, layout.test)
        parts = [layout.train, *([] if layout.test is None else [layout.test])]
        class_folders = [part / name for part in parts for name in classes]
        _check_apart(class_folders)
        if layout.test is None:
            found = _labelled(layout.train, classes, passed, folder)
            of_class = np.array([label for _, label in found])
            train, test = split_off(found, of_class, config.test_fraction, self.place)
        else:
            notes = unused(config.test_fraction, Config.test_fraction)
            train, test = (_labelled(part, classes, passed, folder) for part in parts)
        beside(folder, class_folders, passed, _OUTSIDE)
        paths = [path for path, _ in (*train, *test)]
        labels = np.array([label for _, label in (*train, *test)], dtype=np.int64)
        count = len(train)
        decoded = read_pictures(
            paths,
            lambda i: str(paths[i]),
            self.place,
            config.resolution,
            count,
            given_range(config.value_range),
        )
        images, samples = decoded.images, decoded.samples
        return RawData(
            Part(images[:count], labels[:count]),
            Part(images[count:], labels[count:]),
            tuple(classes),
            samples.sample_range,
            Reading(samples.words, layout.taken, passed.words(), (*samples.notes, *notes)),
        )


def _classes(folder: Path) -> list[str]:
    names = [path.name for path in subfolders(folder)]
    if not names:
        here = f" (but {len(pictures)} pictures)" if (pictures := pictures_in(folder)) else ""
        raise LmregError(f"{folder} has no folders in it{here}; it should have {_LAYOUTS}")
    if len(names) == 1:
        inside = [path.name for path in subfolders(folder / names[0])]
        hint = f"; if {_some(inside)} are the classes, pass data.path={folder / names[0]}" if inside else ""
        raise LmregError(
            f"{folder} has one class only ({names[0]}); it takes at least two folders in it{hint}"
        )
    return names


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _check_same(classes: Sequence[str], train: Path, test: Path) -> None:
    """Nothing where the test part has the classes of the training part.

    Raises:
        LmregError: one lacks a class of the other.
    """
    names = {path.name for path in subfolders(test)}
    for missing, place in ((set(classes) - names, test), (names - set(classes), train)):
        if missing:
            first = min(missing)
            alike = [p.name for p in subfolders(place) if nearly_same((first, p.name))]
            hint = ""
            if alike:
                hint = f" (it has {alike[0]}, which differs by {difference(first, alike[0])} only)"
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise LmregError(f"{place} lacks the class {first}{more}; both parts must have the same{hint}")


def _check_apart(folders: Sequence[Path]) -> None:
    """Nothing where no folder of a class is another one's, or lies in it.

    Raises:
        LmregError: a link leads from one to the other.
    """
    if found := one_in_another(folders):
        raise LmregError(
            f"{found[1]} and {found[0]} are one folder, or one lies in the other, by a link; give each class "
            "of each part a folder of its own"
        )


def _labelled(folder: Path, classes: Sequence[str], passed: PassedOver, whole: Path) -> Labelled:
    """Every image below the folders of ``classes``, in an order that no file system decides.

    Raises:
        LmregError: a class has none.
    """
    found: Labelled = []
    for label, name in enumerate(classes):
        here = PassedOver()
        images = sorted(files(folder / name, PICTURES, here, whole))
        if not images:
            there = f"; it has {', '.join(here.words())}" if here.words() else ""
            raise LmregError(
                f"{folder / name} has no images in it (files named {', '.join(PICTURES[:3])}, ...){there}"
            )
        passed.endings += here.endings
        passed.others += here.others
        found += [(path, label) for path in images]
    return found
