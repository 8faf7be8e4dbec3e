"""Claims on files and folders, so that several processes can work in one place.

A claim is a small locked file. The system lets go of it when its process ends, however that ends, so
none has to be cleared by hand. On a file system without locks every claim is granted: files are
written whole or not at all, so the worst that comes of it is work done twice.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from lmreg.errors import LmregError
from lmreg.util.files import UNFINISHED

_CLAIM = ".claim"


class _Grant(enum.Enum):
    HELD, BUSY, UNGUARDED = range(3)


@contextlib.contextmanager
def claimed(path: Path, wait: bool = False) -> Iterator[bool]:
    """Claim the writing of the file ``path`` (its folder is made if need be) for this process.

    Yields:
        False where another process has the claim, unless this one is to ``wait`` for it.

    Raises:
        LmregError: the folder can't be written.
    """
    with _lock(path.parent, f".{path.name}{_CLAIM}", wait) as grant:
        if grant is _Grant.HELD:
            _clear(path.parent, f".{glob.escape(path.name)}.*{UNFINISHED}")
        yield grant is not _Grant.BUSY


def clear_abandoned(folder: Path) -> None:
    """Remove the claims of processes that were killed, and the files that they had not finished."""
    for claim in list(folder.glob(f".*{_CLAIM}")):
        with claimed(folder / claim.name[1 : -len(_CLAIM)]):
            pass


@contextlib.contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold ``folder`` for this process; made if need be, and gone again if nothing comes of it.

    Raises:
        LmregError: another process holds it and this one is not to ``wait``, or it can't be written.
    """
    with no_empty_folder(folder), _lock(folder, ".lock", wait) as grant:
        if grant is _Grant.BUSY:
            raise LmregError(f"another process is working in {folder}; wait for it or stop it")
        if grant is _Grant.HELD:
            _clear(folder, f".*{UNFINISHED}")
        yield


def is_locked(folder: Path) -> bool:
    """Whether another process has ``folder``, see `locked`."""
    try:
        with (folder / ".lock").open(encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


@contextlib.contextmanager
def no_empty_folder(folder: Path) -> Iterator[None]:
    """At the end, ``folder`` and those above it are removed if they are new and nothing is in them."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # the first that is not empty
            for path in new:
                path.rmdir()


@contextlib.contextmanager
def _lock(folder: Path, name: str, wait: bool) -> Iterator[_Grant]:
    try:
        file, grant = _acquire(folder, name, wait)
    except OSError as error:
        raise LmregError(f"can't write to {folder}: {error.strerror}") from error
    with file:
        try:
            yield grant
        finally:
            if grant is not _Grant.BUSY:
                (folder / name).unlink(missing_ok=True)


def _acquire(folder: Path, name: str, wait: bool) -> tuple[IO[str], _Grant]:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = (folder / name).open("a", encoding="ascii")
        except FileNotFoundError:  # a process that was about to leave has just removed the folder
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return file, _Grant.BUSY
        except OSError:
            return file, _Grant.UNGUARDED
        # Whoever held it before has removed the file, and another may already hold the next one.
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(file.fileno()), (folder / name).stat()):
                return file, _Grant.HELD
        file.close()


def _clear(folder: Path, pattern: str) -> None:
    for leftover in list(folder.glob(pattern)):  # of a process killed while writing
        leftover.unlink(missing_ok=True)
