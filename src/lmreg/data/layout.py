"""Which folders of a data set of pictures are its parts, by the names that people give them."""

from __future__ import annotations

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
"""Names, in the singular, of folders that say nothing of what is in them."""
_OF_PAIRS = {"image", "img", "mask", "label", "annotation", "depth", "target", "groundtruth"}


@dataclass(frozen=True)
class Layout:
    """Folders with one sub-folder per class each; without ``test`` it is split off ``train``."""

    train: Path
    test: Path | None = None
    taken: tuple[str, ...] = ()
    """Which folders were taken for what, where their names aren't those of the options."""


def part_of(name: str) -> str | None:
    """The part that a folder's name stands for: ``train``, ``test`` or ``validation``; None: no part."""
    plain = name.casefold().strip()
    return _PARTS.get(re.sub(r"[ _-]*(set|images?|imgs?|data|split|part|folder)$", "", plain) or plain)


def find(folder: Path, train_name: str, test_name: str) -> Layout:
    """The parts in ``folder``: of the names given, or where these are the defaults, of like ones.

    Raises:
        LmregError: a part lacks its partner, or it can't be told what are parts and what are classes.
    """
    inner = _unwrapped(folder, train_name, test_name)
    taken: tuple[str, ...] = (
        () if inner == folder else (f"{inner.relative_to(folder)}/ taken as the data set",)
    )
    train = part_folder(inner, train_name, TRAIN)
    if train is None:
        if train_name != TRAIN:
            raise LmregError(f"data.train_folder={train_name}: {inner} has no such folder with classes in it")
        check_train_beside(inner, test_name)
        _refuse_parts_as_classes(inner)
        return Layout(inner, None, taken)
    test = part_folder(inner, test_name, TEST)
    if test is None:
        raise LmregError(_without_test(inner, train, test_name))
    for path, name, part in ((train, train_name, TRAIN), (test, test_name, TEST)):
        if path.name != name:
            taken += (f"{path.relative_to(folder)}/ taken as the {part} part",)
    parts = [_unwrapped(path) for path in (train, test)]
    return Layout(parts[0], parts[1], taken)


def part_folder(folder: Path, name: str, part: str) -> Path | None:
    """The folder of that name that has folders in it; if the name is the part's own, one of a like name."""
    exact = folder / name
    if subfolders(exact):
        return exact
    if name != part:
        return None
    found = [p for p in subfolders(folder) if part_of(p.name) == part and subfolders(p)]
    if len(found) > 1:
        raise LmregError(
            f"{folder} has {' and '.join(p.name for p in found)}; say which is the {part} part by "
            f"data.{part}_folder=<name>"
        )
    return found[0] if found else None


def check_train_beside(folder: Path, test_name: str) -> None:
    """Nothing unless a test part is asked for; to be called where ``folder`` has no training part.

    Raises:
        LmregError: it isn't there, or alone.
    """
    if test_name == TEST:
        return
    if not (folder / test_name).is_dir():
        raise LmregError(f"data.test_folder={test_name}: {folder} has no such folder")
    raise LmregError(
        f"data.test_folder={test_name}: there is no folder of the training part beside it in {folder}; name "
        "it by data.train_folder=<name>"
    )


def _unwrapped(folder: Path, train_name: str = TRAIN, test_name: str = TEST) -> Path:
    """``folder``, or one within it, each the only thing in the one before, if that alone can be meant: it
    has parts, or its name says nothing more."""
    chain = [folder]
    while len(inside := subfolders(chain[-1])) == 1 and not pictures_in(chain[-1]):
        chain += inside
    for inner in chain:
        if all(_has_part(inner, n, p) for n, p in ((train_name, TRAIN), (test_name, TEST))):
            return inner
    for inner in chain[1:]:
        says_nothing = inner.name.casefold().rstrip("s") in _WRAPPERS or inner.name == folder.name
        if not (says_nothing and subfolders(inner)):
            break
        folder = inner
    return folder


def _has_part(folder: Path, name: str, part: str) -> bool:
    return any(p.name == name or (name == part and part_of(p.name) == part) for p in subfolders(folder))


def _refuse_parts_as_classes(folder: Path) -> None:
    """Nothing if the folders in ``folder`` can be classes.

    Raises:
        LmregError: they look like parts, or like images and what belongs to them.
    """
    inside = subfolders(folder)
    by_part = {part: [p for p in inside if part_of(p.name) == part] for part in (TRAIN, TEST, VALIDATION)}
    others = [*by_part[TEST], *by_part[VALIDATION]]
    names = " and ".join(p.name for p in (*by_part[TRAIN], *others))
    if by_part[TRAIN] and others:
        raise LmregError(
            f"{folder} has {names}, which are names of parts, not of classes, but they have no class folders "
            f"in them; it should have {_WANTED}"
        )
    if deep := [p for p in others if subfolders(p)]:
        raise LmregError(
            f"{folder} has {deep[0].name} with folders in it, but no train folder; say which is the training "
            "part by data.train_folder=<name>, or pass a data.path with <class>/ folders"
        )
    if len(inside) > 1 and all(p.name.casefold().rstrip("s").replace("_", "") in _OF_PAIRS for p in inside):
        pairs = " and ".join(p.name for p in inside)
        raise LmregError(
            f"{folder} has {pairs}, which look like images and what belongs to them, not like classes; it "
            f"should have {_WANTED} (data=depth_folder takes images and depth maps)"
        )


_WANTED = "<class>/ folders of images, or train/<class>/ and test/<class>/"


def _without_test(folder: Path, train: Path, test_name: str) -> str:
    unlabelled = next((p for p in subfolders(folder) if p != train and _names_test(p, test_name)), None)
    if unlabelled is not None:
        return (
            f"{train} has classes, but {unlabelled} has no folders in it, so that its images have none; "
            f"pass data.path={train} to have a test part split off"
        )
    there = ", ".join(p.name for p in subfolders(folder) if p != train)
    return (
        f"{train} has classes, but there is no {folder / test_name} with the same; pass "
        f"data.path={train} to have one split off, or "
        f"data.test_folder=<name>{f' (there are: {there})' if there else ''}"
    )


def _names_test(path: Path, name: str) -> bool:
    return path.name == name or (name == TEST and part_of(path.name) == TEST)


def nearly_same(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of names that differ by case (of more than one letter), by spaces around them, or by how accents
    are written only."""
    first: dict[str, str] = {}
    pairs = []
    for name in names:
        plain = _composed(name).casefold().strip()
        if plain in first and (len(plain) > 1 or _composed(name) == _composed(first[plain])):
            pairs.append((first[plain], name))
        first.setdefault(plain, name)
    return pairs


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def difference(a: str, b: str) -> str:
    """What two such names differ by, in words."""
    return "the Unicode form of accents" if _composed(a) == _composed(b) else "case or spaces"
