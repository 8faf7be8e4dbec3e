"""Which folders of an image data set are its training and test part, by the names that people give them."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lmreg.data.walk import pictures_in, subfolders
from lmreg.errors import LmregError

TRAIN, TEST, VALIDATION = "train", "test", "validation"

_PARTS = {
    **dict.fromkeys(("train", "training", "trn"), TRAIN),
    **dict.fromkeys(("test", "testing", "tst"), TEST),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "eval"), VALIDATION),
}
_WRAPPERS = {"image", "img", "picture", "photo", "data", "dataset", "raw"}
"""Names, in the singular, that say nothing about a folder's contents."""
_PAIR_NAMES = {"image", "img", "mask", "label", "annotation", "depth", "target", "groundtruth"}
"""Names, in the singular, of folders that hold images and their targets, not classes."""


@dataclass(frozen=True)
class Layout:
    """The folders of the two parts, each with one sub-folder per class; if ``test`` is None, the test part is
    split off ``train``."""

    train: Path
    test: Path | None = None
    assumptions: tuple[str, ...] = ()
    """Which folders were taken for which parts if their names aren't those of the options."""
    notes: tuple[str, ...] = ()
    """What else the folders could be."""


def part_named(name: str) -> str | None:
    """Return the part that a folder's name stands for: ``train``, ``test``, ``validation`` or None."""
    plain = name.casefold().strip()
    return _PARTS.get(re.sub(r"[ _-]*(set|images?|imgs?|data|split|part|folder)$", "", plain) or plain)


def _words(name: str) -> list[str]:
    """Return the words of a name, which end at a case change or at anything but a letter."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return re.findall(r"[^\W\d_]+", apart)


def _part_within(name: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the only part that a name or one of its words stands for, if any, and the other words."""
    if part := part_named(name):
        return part, ()
    words = {word: part_named(word) for word in _words(name)}
    parts = {part for part in words.values() if part}
    return parts.pop() if len(parts) == 1 else None, tuple(w.casefold() for w in words if not words[w])


def find_layout(folder: Path, train_name: str, test_name: str) -> Layout:
    """Find the parts in ``folder``: by the given names, or by similar ones if these are the defaults. Raise
    LmregError if one is missing, or if parts can't be told from classes."""
    inner = _unwrapped(folder, train_name, test_name)
    assumptions: tuple[str, ...] = (
        () if inner == folder else (f"{inner.relative_to(folder)}/ taken as the data set",)
    )
    train = part_folder(inner, train_name, TRAIN)
    if train is None:
        if train_name != TRAIN:
            raise LmregError(f"data.train_folder={train_name}: {inner} has no such folder with classes in it")
        check_has_train_folder(inner, test_name)
        _check_classes(inner)
        return Layout(inner, None, assumptions, _notes_on_parts(inner))
    test = part_folder(inner, test_name, TEST)
    if test is None:
        raise LmregError(_without_test(inner, train, test_name))
    for path, name, part in ((train, train_name, TRAIN), (test, test_name, TEST)):
        if path.name != name:
            assumptions += (f"{path.relative_to(folder)}/ taken as the {part} part",)
    parts = [_unwrapped(path) for path in (train, test)]
    return Layout(parts[0], parts[1], assumptions)


def part_folder(folder: Path, name: str, part: str) -> Path | None:
    """Return the sub-folder called ``name``, or if this is the default, ``part``, the only one with a similar
    name; None if there is none with folders in it."""
    exact = folder / name
    if subfolders(exact):
        return exact
    if name != part:
        return None
    found = [p for p in subfolders(folder) if part_named(p.name) == part and subfolders(p)]
    if len(found) > 1:
        raise LmregError(
            f"{folder} has {' and '.join(p.name for p in found)}; say which is the {part} part with "
            f"data.{part}_folder=<name>"
        )
    return found[0] if found else None


def check_has_train_folder(folder: Path, test_name: str) -> None:
    """Check that no test folder is asked for in a ``folder`` without a training folder."""
    if test_name == TEST:
        return
    if not (folder / test_name).is_dir():
        raise LmregError(f"data.test_folder={test_name}: {folder} has no such folder")
    raise LmregError(
        f"data.test_folder={test_name}: there is no training folder beside it in {folder}; name it with "
        "data.train_folder=<name>"
    )


def _unwrapped(folder: Path, train_name: str = TRAIN, test_name: str = TEST) -> Path:
    """Return ``folder``, or the data set's real folder if that is wrapped in others: down a chain of only
    sub-folders, the first one that has parts, else the last one whose name says nothing."""
    chain = [folder]
    while len(inside := subfolders(chain[-1])) == 1 and not pictures_in(chain[-1]):
        chain += inside
    for inner in chain:
        inside = subfolders(inner)
        parts = ((train_name, TRAIN), (test_name, TEST))
        if all(any(_is_part(path, *part) for path in inside) for part in parts):
            return inner
    for inner in chain[1:]:
        says_nothing = inner.name.casefold().rstrip("s") in _WRAPPERS or inner.name == folder.name
        if not (says_nothing and subfolders(inner)):
            break
        folder = inner
    return folder


def _is_part(path: Path, name: str, part: str) -> bool:
    return path.name == name or (name == part and part_named(path.name) == part)


def _check_classes(folder: Path) -> None:
    """Check that the folders in ``folder`` look like classes, not like parts or images and their targets."""
    inside = subfolders(folder)
    by_part: dict[str | None, list[Path]] = {TRAIN: [], TEST: [], VALIDATION: [], None: []}
    for path in inside:
        by_part[_part_within(path.name)[0]].append(path)
    others = [*by_part[TEST], *by_part[VALIDATION]]
    for train, test in itertools.product(by_part[TRAIN], others):
        both = f"{folder} has {train.name} and {test.name}, which are names of parts, not of classes"
        if _names_inside(train) & _names_inside(test):
            raise LmregError(f"{both}; pass data.train_folder={train.name} data.test_folder={test.name}")
        if _part_within(train.name)[1] == _part_within(test.name)[1]:
            raise LmregError(f"{both}, but they contain no class folders; it should have {_WANTED}")
    if deep := [p for p in others if part_named(p.name) and subfolders(p)]:
        raise LmregError(
            f"{folder} has {deep[0].name} with folders in it, but no train folder; say which is the training "
            "part with data.train_folder=<name>, or pass a data.path with <class>/ folders"
        )
    if len(inside) > 1 and all(p.name.casefold().rstrip("s").replace("_", "") in _PAIR_NAMES for p in inside):
        pairs = " and ".join(p.name for p in inside)
        raise LmregError(
            f"{folder} has {pairs}, which look like images and their targets, not like classes; it should "
            f"have {_WANTED} (data=depth_folder reads images and depth maps)"
        )


def _names_inside(folder: Path) -> set[str]:
    return {path.name for path in subfolders(folder)}


def _notes_on_parts(folder: Path) -> tuple[str, ...]:
    """Return a note if the folders in ``folder`` could be parts: all have pictures in the same folders."""
    inside = subfolders(folder)
    names = _names_inside(inside[0]) if len(inside) > 1 else set()
    if len(names) < 2 or any(_names_inside(path) != names for path in inside):
        return ()
    if any(pictures_in(path) for path in inside) or not all(pictures_in(inside[0] / name) for name in names):
        return ()
    outer, inner = listed([path.name for path in inside]), listed(sorted(names))
    return (
        f"{outer} are read as classes, but each contains the folders {inner}; if the latter are the classes, "
        "name the parts with data.train_folder=<name> data.test_folder=<name>",
    )


def listed(names: Sequence[str]) -> str:
    """Return the first three names, separated by commas."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


_WANTED = "<class>/ folders of images, or train/<class>/ and test/<class>/"


def _without_test(folder: Path, train: Path, test_name: str) -> str:
    unlabelled = next((p for p in subfolders(folder) if p != train and _is_part(p, test_name, TEST)), None)
    if unlabelled is not None:
        return (
            f"{train} has classes, but {unlabelled} has no folders in it, so its images have none; "
            f"pass data.path={train} to have a test part split off"
        )
    there = ", ".join(p.name for p in subfolders(folder) if p != train)
    return (
        f"{train} has classes, but there is no {folder / test_name} with the same classes; pass "
        f"data.path={train} to have one split off, or "
        f"data.test_folder=<name>{f' (there are: {there})' if there else ''}"
    )


def confusable_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of names that differ only by case (unless they are single letters), by surrounding spaces,
    or by the Unicode form of accents."""
    first: dict[str, str] = {}
    pairs = []
    for name in names:
        plain = _composed(name).strip()
        plain = plain.casefold() if len(plain) > 1 else plain
        if plain in first:
            pairs.append((first[plain], name))
        first.setdefault(plain, name)
    return pairs


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def describe_difference(a: str, b: str) -> str:
    """Say in words how the two names of a pair from `confusable_pairs` differ."""
    return "the Unicode form of accents" if _composed(a) == _composed(b) else "case or spaces"
