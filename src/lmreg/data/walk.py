"""Files below a folder, and an account of those that are passed over."""

from __future__ import annotations

import fnmatch
import itertools
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from PIL import Image, features

from lmreg.errors import LmregError

PICTURES = (
    *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm"),
    *(".jfif", ".jpe", ".apng", ".dib", ".pnm", ".tga", ".qoi"),
    *((".jp2", ".j2k", ".jpx") if features.check("jpg_2000") else ()),
    *((".avif",) if features.check("avif") else ()),
)
"""Endings of pictures that are read; what the installed Pillow was built without isn't among them."""

_HIDDEN = "hidden folder|hidden folders"
_LINK = "link to a folder|links to folders"
_NO_ENDING = "without an ending"
_MOST_NAMED = 5


@dataclass
class PassedOver:
    """What isn't read of a folder."""

    endings: Counter[str] = field(default_factory=Counter)
    """How many files of each ending."""
    others: Counter[str] = field(default_factory=Counter)
    """How many of other things, by what one and several of them are called, divided by a bar."""
    folders: list[str] = field(default_factory=list)
    """Whole folders, each with what is in it."""

    def words(self) -> tuple[str, ...]:
        """Each kind of thing with its number, the most frequent endings first."""
        told = [
            f"{count:,} file{'s' if count > 1 else ''} {ending}"
            if ending == _NO_ENDING
            else f"{count:,} {ending} file{'s' if count > 1 else ''}"
            for ending, count in self.endings.most_common(_MOST_NAMED)
        ]
        rest = sum(self.endings.values()) - sum(c for _, c in self.endings.most_common(_MOST_NAMED))
        if rest:
            told.append(f"{rest:,} file{'s' if rest > 1 else ''} of other endings")
        for names, count in (+self.others).items():
            one, several = names.split("|")
            told.append(f"{count:,} {one if count == 1 else several}")
        return (*told, *self.folders)


def subfolders(folder: Path) -> list[Path]:
    """The folders in ``folder`` by name; none where it isn't one. Hidden ones don't count."""
    if not folder.is_dir():
        return []
    return [p for p in _inside(folder) if p.is_dir() and not _hidden(p.name)]


def pictures_in(folder: Path) -> list[Path]:
    """The pictures that lie in ``folder`` itself, by name."""
    return [p for p in _inside(folder) if not p.is_dir() and _to_be_read(p, PICTURES, PassedOver())]


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        _refuse(error)


def below(folder: Path, pattern: str) -> list[Path]:
    """The files below ``folder`` whose names match, sorted.

    Raises:
        LmregError: a folder in it can't be read, so that it isn't known what is there.
    """
    found = (
        Path(where, name)
        for where, _, names in os.walk(folder, onerror=_refuse)
        for name in fnmatch.filter(names, pattern)
    )
    return sorted(path for path in found if path.is_file())


def _refuse(error: OSError) -> NoReturn:
    reason = (error.strerror or str(error)).lower()
    raise LmregError(
        f"can't read the folder {error.filename}: {reason}; make it readable, or move it out of the data set"
    ) from error


def files(folder: Path, suffixes: tuple[str, ...], passed: PassedOver, whole: Path) -> Iterator[Path]:
    """Every file below ``folder`` that ends in one of ``suffixes`` once, however many links lead to it.

    None that is hidden, and none in hidden folders. Links to folders are followed if these lie outside the
    data set: within, they'd bring what belongs elsewhere. Where pictures are looked for, a file without any
    ending is one if its content is a picture's. ``passed`` gets what isn't among them.

    Args:
        whole: the data set's folder.

    Raises:
        LmregError: a folder can't be read, or what should be a file is a link to nothing.
    """
    seen: set[str] = set()
    root = Path(os.path.realpath(whole))
    for where, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        real = os.path.realpath(where)
        if real in seen:  # a link to a folder that has been walked, perhaps one above
            folders.clear()
            passed.others[_LINK] += 1
            continue
        seen.add(real)
        shown = sorted(name for name in folders if not _hidden(name))
        if hidden := len(folders) - len(shown):
            passed.others[_HIDDEN] += hidden
        if not (folders or names):
            passed.others["empty folder|empty folders"] += 1
        folders[:] = [name for name in shown if not _leads_back(Path(where, name), root)]
        if back := len(shown) - len(folders):
            passed.others[_LINK] += back
        for name in sorted(names):
            path = Path(where, name)
            if not _to_be_read(path, suffixes, passed):
                _check_leads_somewhere(path, suffixes)
                continue
            if (real := os.path.realpath(path)) in seen:
                passed.others["link to a file that is read|links to files that are read"] += 1
            else:
                seen.add(real)
                yield path


def beside(whole: Path, read: Collection[Path], passed: PassedOver, pictures: str) -> None:
    """Count what lies in ``whole``, and in the folders from there to those that are ``read``, beside these.

    Args:
        pictures: what one and several pictures there are called, as in `PassedOver.others`.
    """
    inner = [p for p in read if p.is_relative_to(whole) and ".." not in p.relative_to(whole).parts]
    way = {whole, *(p for path in inner for p in path.parents if p.is_relative_to(whole))}
    for path in (p for folder in sorted(way.difference(read)) for p in _inside(folder)):
        if path in way or path in read:
            continue
        if not path.is_dir():
            if _to_be_read(path, PICTURES, passed):
                passed.others[pictures] += 1
        elif _leads_back(path, Path(os.path.realpath(whole))):
            passed.others[_LINK] += 1
        else:
            try:
                count = sum(1 for _ in files(path, PICTURES, PassedOver(), whole))
                inside = f"{count:,} picture{'' if count == 1 else 's'}"
            except LmregError:  # it needn't be readable, as nothing is wanted of it
                count, inside = 0, "can't be read whole"
            if count or not _hidden(path.name):
                passed.folders.append(f"{path.relative_to(whole)}/ ({inside})")
            else:
                passed.others[_HIDDEN] += 1


def left_over(folder: Path, read: Collection[Path], named: tuple[str, ...] = ()) -> tuple[str, ...]:
    """What lies below ``folder`` and isn't among the files ``read``, in words: first those whose names end as
    ``named``, then how many of each kind."""
    passed, names = PassedOver(), []
    known = {os.path.realpath(path) for path in read}
    for where, folders, inside in os.walk(folder, onerror=_refuse):
        passed.others[_LINK] += sum(Path(where, name).is_symlink() for name in folders)
        for path in sorted(Path(where, name) for name in inside):
            if os.path.realpath(path) in known:
                continue
            if named and path.name.endswith(named):
                names.append(str(path.relative_to(folder)))
            elif path.name.startswith("."):
                passed.others["hidden file|hidden files"] += 1
            else:
                passed.endings[path.suffix.lower() or _NO_ENDING] += 1
    more = [f"{len(names) - _MOST_NAMED:,} more of these"] if len(names) > _MOST_NAMED else []
    return (*sorted(names)[:_MOST_NAMED], *more, *passed.words())


def _leads_back(path: Path, root: Path) -> bool:
    """Whether it is a link to a folder in ``root``, or to one that ``root`` is in."""
    if not path.is_symlink():
        return False
    real = Path(os.path.realpath(path))
    return real.is_relative_to(root) or root.is_relative_to(real)


def one_in_another(folders: Sequence[Path]) -> tuple[Path, Path] | None:
    """Two of ``folders`` of which one, links followed, is the other or lies in it; None if there aren't."""
    real = sorted((Path(os.path.realpath(p)).parts, p) for p in folders)  # what is in a folder follows it
    for (outer, a), (inner, b) in itertools.pairwise(real):
        if inner[: len(outer)] == outer:
            return a, b
    return None


def _hidden(name: str) -> bool:
    return name.startswith((".", "__"))


def _to_be_read(path: Path, suffixes: tuple[str, ...], passed: PassedOver) -> bool:
    """Whether what isn't a folder is a file to be read; else ``passed`` gets it."""
    if path.name.startswith("."):
        passed.others["hidden file|hidden files"] += 1
    elif path.is_symlink() and not path.exists():
        passed.others["link to nothing|links to nothing"] += 1
    elif not (named := path.name.lower().endswith(suffixes)) and path.suffix:
        passed.endings[path.suffix.lower()] += 1
    elif not path.is_file():  # to open a pipe is to wait for ever
        passed.others["pipe, socket or device|pipes, sockets or devices"] += 1
    elif not (named or (suffixes is PICTURES and _is_picture(path))):
        passed.endings[_NO_ENDING] += 1
    else:
        return True
    return False


def _check_leads_somewhere(path: Path, suffixes: tuple[str, ...]) -> None:
    """Nothing unless it is by its name a file to be read, but a link to nothing."""
    if (
        path.is_symlink()
        and not (path.exists() or _hidden(path.name))
        and path.name.lower().endswith(suffixes)
    ):
        raise LmregError(f"{path} is a link to nothing ({path.readlink()}); mend or remove it")


def _is_picture(path: Path) -> bool:
    """Whether the file's content is a picture's."""
    try:
        with Image.open(path):
            return True
    except Exception:  # no picture
        return False
