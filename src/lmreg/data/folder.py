"""The user's own images, in one folder per class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lmreg.config.schema import option
from lmreg.data.base import DataConfig, DataSource, Part, RawData, data_folder
from lmreg.data.pixels import decode
from lmreg.data.splits import split_off
from lmreg.errors import LmregError

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm"),
)
_LAYOUTS = "<class>/ folders of images, or train/<class>/ and test/<class>/"


@dataclass
class Config(DataConfig):
    name: str = "folder"
    path: str | None = option(None, text="path", help=f"folder with {_LAYOUTS}")
    train_folder: str = option(
        "train", text="text", help="its sub-folder with training images, where it has one"
    )
    test_folder: str = option("test", text="text", help="its sub-folder with test images, where it has one")
    test_fraction: float = option(0.2, min=0, max=1, help="of all images, where there is no test folder")


Labelled = list[tuple[Path, int]]


class ImageFolder(DataSource):
    """Classes are the folders' names in alphabetical order; images may lie in folders further down."""

    def __init__(self, config: Config):
        self.config: Config = config

    def read(self) -> RawData:
        config = self.config
        folder = data_folder(config.path, config.name, _LAYOUTS)
        train_folder, test_folder = folder / config.train_folder, folder / config.test_folder
        # A folder of that name which has images but no classes in it is itself a class.
        if _subfolders(train_folder):
            if not _subfolders(test_folder):
                there = ", ".join(p.name for p in _subfolders(folder) if p != train_folder)
                raise LmregError(
                    f"{train_folder} has classes, but there is no {test_folder} with the same; pass "
                    f"data.path={train_folder} to have one split off, or "
                    f"data.test_folder=<name>{f' (there are: {there})' if there else ''}"
                )
            classes = self._classes(train_folder)
            train, test = _labelled(train_folder, classes), self._test(test_folder, train_folder, classes)
        else:
            classes = self._classes(folder)
            found = _labelled(folder, classes)
            of_class = np.array([label for _, label in found])
            train, test = split_off(found, of_class, config.test_fraction, self.place)
        paths = [path for path, _ in (*train, *test)]
        images = decode(paths, lambda i: str(paths[i]), self.place, config.resolution)
        labels = np.array([label for _, label in (*train, *test)], dtype=np.int64)
        count = len(train)
        return RawData(
            Part(images[:count], labels[:count]), Part(images[count:], labels[count:]), tuple(classes)
        )

    def _classes(self, folder: Path) -> list[str]:
        names = [path.name for path in _subfolders(folder)]
        if not names:
            raise LmregError(f"{folder} has no folders in it; it should have {_LAYOUTS}")
        if len(names) == 1:
            raise LmregError(f"{folder} has one class only ({names[0]}); it takes at least two folders in it")
        return names

    def _test(self, folder: Path, train_folder: Path, classes: Sequence[str]) -> Labelled:
        names = {path.name for path in _subfolders(folder)}
        for missing, place in ((set(classes) - names, folder), (names - set(classes), train_folder)):
            if missing:
                raise LmregError(f"{place} lacks the class {min(missing)}; both parts must have the same")
        return _labelled(folder, classes)


def _subfolders(folder: Path) -> list[Path]:
    """The folders in ``folder`` by name; none where it isn't one. Hidden ones don't count."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))


def _labelled(folder: Path, classes: Sequence[str]) -> Labelled:
    """Every image below the folders of ``classes``, in an order that no file system decides.

    Raises:
        LmregError: a class has none.
    """
    found: Labelled = []
    for label, name in enumerate(classes):
        images = sorted(files(folder / name, SUFFIXES))
        if not images:
            raise LmregError(
                f"{folder / name} has no images in it (files named {', '.join(SUFFIXES[:3])}, ...)"
            )
        found += [(path, label) for path in images]
    return found


def files(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Every file below ``folder`` that ends in one of ``suffixes`` once, however many links lead to it.

    None that is hidden, and none in hidden folders.
    """
    seen: set[str] = set()
    for where, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(where)
        if real in seen:  # a link to a folder that has been walked, perhaps one above
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        for file in sorted(files):
            path = os.path.realpath(Path(where, file))
            if file.lower().endswith(suffixes) and not file.startswith(".") and path not in seen:
                seen.add(path)
                yield Path(where, file)
