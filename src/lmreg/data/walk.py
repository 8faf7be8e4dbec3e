"""Finding the files below a folder, and an account of those that are skipped."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from PIL import Image, UnidentifiedImageError, features

from lmreg.errors import LmregError
from lmreg.util.progress import counted

PICTURE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm"),
    *(".jfif", ".jpe", ".apng", ".dib", ".pnm", ".tga", ".qoi"),
    *((".jp2", ".j2k", ".jpx") if features.check("jpg_2000") else ()),
    *((".avif",) if features.check("avif") else ()),
)
"""File endings of pictures, of those formats that the installed Pillow can read."""

_HIDDEN = "hidden folder|hidden folders"
_LINK = "link to a folder|links to folders"
_NO_ENDING = "without an ending"
_MOST_NAMED = 5


@dataclass
class Skipped:
    """The contents of a folder that aren't read."""

    endings: Counter[str] = field(default_factory=Counter)
    """The number of files of each ending."""
    others: Counter[str] = field(default_factory=Counter)
    """The number of other things, by their name in singular and plural, separated by ``|``."""
    folders: list[str] = field(default_factory=list)
    """Whole folders, each with a description of its contents."""

    def words(self) -> tuple[str, ...]:
        """Return a count of each kind of thing in words, the most frequent endings first."""
        counts = [
            f"{counted(count, 'file')} {ending}" if ending == _NO_ENDING else counted(count, f"{ending} file")
            for ending, count in self.endings.most_common(_MOST_NAMED)
        ]
        rest = sum(self.endings.values()) - sum(c for _, c in self.endings.most_common(_MOST_NAMED))
        if rest:
            counts.append(f"{counted(rest, 'file')} with other endings")
        for names, count in (+self.others).items():
            one, several = names.split("|")
            counts.append(f"{count:,} {one if count == 1 else several}")
        return (*counts, *self.folders)


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in ``folder`` that aren't hidden, sorted; none if ``folder`` isn't a folder."""
    if not folder.is_dir():
        return []
    return [p for p in _inside(folder) if p.is_dir() and not _hidden(p.name)]


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures directly in ``folder``, sorted."""
    return [p for p in _inside(folder) if not p.is_dir() and _is_data_file(p, PICTURE_SUFFIXES, Skipped())]


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        _refuse(error)


def matching_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files below ``folder`` whose paths end as ``pattern`` says, sorted; raise LmregError if
    unreadable."""
    walked = os.walk(folder, onerror=_refuse)
    found = (Path(where, name) for where, _, names in walked for name in names)
    return sorted(path for path in found if path.match(pattern) and path.is_file())


def _refuse(error: OSError) -> NoReturn:
    reason = (error.strerror or str(error)).lower()
    raise LmregError(
        f"can't read the folder {error.filename}: {reason}; make it readable or move it out of the data set"
    ) from error


def data_files(folder: Path, suffixes: tuple[str, ...], skipped: Skipped, root: Path) -> Iterator[Path]:
    """Yield every file below ``folder`` with one of the endings ``suffixes``; everything else is counted in
    ``skipped``.

    A file to which several links lead is yielded once. Hidden files and folders are skipped. Links to folders
    are followed only out of the data set in ``root``: within it, they would lead to images of another class
    or part. If pictures are looked for, a file without an ending counts as one if its content is a picture's.
    A broken link with one of the endings, or an unreadable folder, raises LmregError.
    """
    seen: set[str] = set()
    real_root = Path(os.path.realpath(root))
    for where, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        real = os.path.realpath(where)
        if real in seen:  # a link to a folder that has been walked, perhaps one above
            folders.clear()
            skipped.others[_LINK] += 1
            continue
        seen.add(real)
        shown = sorted(name for name in folders if not _hidden(name))
        if hidden := len(folders) - len(shown):
            skipped.others[_HIDDEN] += hidden
        if not (folders or names):
            skipped.others["empty folder|empty folders"] += 1
        folders[:] = [name for name in shown if not _leads_back(Path(where, name), real_root)]
        if back := len(shown) - len(folders):
            skipped.others[_LINK] += back
        for name in sorted(names):
            path = Path(where, name)
            if not _is_data_file(path, suffixes, skipped):
                broken = path.is_symlink() and not (path.exists() or _hidden(name))
                if broken and name.lower().endswith(suffixes):
                    raise LmregError(f"{path} is a broken link (to {path.readlink()}); repair or remove it")
                continue
            if (real := os.path.realpath(path)) in seen:
                skipped.others["link to a file that is read|links to files that are read"] += 1
            else:
                seen.add(real)
                yield path


def some_files(
    folder: Path, suffixes: tuple[str, ...], content: str, skipped: Skipped, root: Path
) -> list[Path]:
    """Return the `data_files` below ``folder``, which are its ``content`` in words, sorted; refuse none."""
    here = Skipped()
    found = sorted(data_files(folder, suffixes, here, root))
    if not found:
        there = f"; it has {', '.join(here.words())}" if here.words() else ""
        raise LmregError(f"{folder} contains no {content} ({', '.join(suffixes[:3])}, ...){there}")
    skipped.endings += here.endings
    skipped.others += here.others
    return found


def count_unread(root: Path, read: Collection[Path], skipped: Skipped, pictures: str) -> None:
    """Count in ``skipped`` what lies beside the folders that are ``read``, in the data set's folder ``root``
    and in the folders on the way from there. ``pictures`` names pictures there, as in `Skipped.others`."""
    inner = [p for p in read if p.is_relative_to(root) and ".." not in p.relative_to(root).parts]
    way = {root, *(p for path in inner for p in path.parents if p.is_relative_to(root))}
    for path in (p for folder in sorted(way.difference(read)) for p in _inside(folder)):
        if path in way or path in read:
            continue
        if not path.is_dir():
            if _is_data_file(path, PICTURE_SUFFIXES, skipped):
                skipped.others[pictures] += 1
        elif _leads_back(path, Path(os.path.realpath(root))):
            skipped.others[_LINK] += 1
        else:
            try:
                count = sum(1 for _ in data_files(path, PICTURE_SUFFIXES, Skipped(), root))
                inside = counted(count, "picture")
            except LmregError:  # it needn't be readable, as nothing in it is needed
                count, inside = 0, "not all readable"
            if count or not _hidden(path.name):
                skipped.folders.append(f"{path.relative_to(root)}/ ({inside})")
            else:
                skipped.others[_HIDDEN] += 1


def describe_unread(folder: Path, read: Collection[Path], named: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Describe the files below ``folder`` that aren't among the files ``read``: first the names of those that
    end in one of ``named``, then a count of each other kind."""
    skipped, names = Skipped(), []
    known = {os.path.realpath(path) for path in read}
    for where, folders, inside in os.walk(folder, onerror=_refuse):
        skipped.others[_LINK] += sum(Path(where, name).is_symlink() for name in folders)
        for path in sorted(Path(where, name) for name in inside):
            if os.path.realpath(path) in known:
                continue
            if named and path.name.endswith(named):
                names.append(str(path.relative_to(folder)))
            elif path.name.startswith("."):
                skipped.others["hidden file|hidden files"] += 1
            else:
                skipped.endings[path.suffix.lower() or _NO_ENDING] += 1
    more = [f"{len(names) - _MOST_NAMED:,} more of these"] if len(names) > _MOST_NAMED else []
    return (*sorted(names)[:_MOST_NAMED], *more, *skipped.words())


def _leads_back(path: Path, root: Path) -> bool:
    """Whether ``path`` is a link to a folder in ``root``, or to a folder that contains ``root``."""
    if not path.is_symlink():
        return False
    real = Path(os.path.realpath(path))
    return real.is_relative_to(root) or root.is_relative_to(real)


def find_nested(folders: Sequence[Path]) -> tuple[Path, Path] | None:
    """Return two of ``folders`` of which one, with links followed, is or contains the other; None if there
    are none."""
    real = sorted((Path(os.path.realpath(p)).parts, p) for p in folders)  # contents sort after their folder
    for (outer, a), (inner, b) in itertools.pairwise(real):
        if inner[: len(outer)] == outer:
            return a, b
    return None


def _hidden(name: str) -> bool:
    return name.startswith((".", "__"))


def _is_data_file(path: Path, suffixes: tuple[str, ...], skipped: Skipped) -> bool:
    """Whether ``path``, which isn't a folder, is a file to read; if not, count it in ``skipped``."""
    if path.name.startswith("."):
        skipped.others["hidden file|hidden files"] += 1
    elif path.is_symlink() and not path.exists():
        skipped.others["broken link|broken links"] += 1
    elif not (named := path.name.lower().endswith(suffixes)) and path.suffix:
        skipped.endings[path.suffix.lower()] += 1
    elif not path.is_file():  # opening a pipe would wait for ever
        skipped.others["pipe, socket or device|pipes, sockets or devices"] += 1
    elif not (named or (suffixes is PICTURE_SUFFIXES and _is_picture(path))):
        skipped.endings[_NO_ENDING] += 1
    else:
        return True
    return False


def unreadable(name: object, kind: str, error: Exception) -> LmregError:
    """Return the error that ``name`` can't be read as ``kind``, with the decoder's reason."""
    reason = "it is not an image" if isinstance(error, UnidentifiedImageError) else error
    return LmregError(f"can't read {name} as {kind}: {reason}; repair or remove it")


def _is_picture(path: Path) -> bool:
    """Whether the file's content is a picture's."""
    try:
        with Image.open(path):
            return True
    except Exception:  # not a picture
        return False
