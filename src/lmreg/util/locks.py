"""Claims on files and folders, so that several processes can work in one place.

A claim is a small locked file. The operating system releases the lock when the process ends, in whatever way,
so no claim has to be removed by hand. On a file system without locks every claim is granted: as files are
written completely or not at all, the worst consequence is that work is done twice.
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
    """Claim for this process the right to write the file ``path``; its folder is created if necessary. Raises
    LmregError if the folder isn't writable. Yields whether this process has the claim: False if another
    process has it and this one doesn't ``wait``."""
    with _lock(path.parent, f".{path.name}{_CLAIM}", wait) as grant:
        if grant is _Grant.HELD:
            _clear(path.parent, f".{glob.escape(path.name)}.*{UNFINISHED}")
        yield grant is not _Grant.BUSY


def clear_abandoned(folder: Path) -> None:
    """Remove the claims of processes that were killed, and their unfinished files."""
    for claim in list(folder.glob(f".*{_CLAIM}")):
        with claimed(folder / claim.name[1 : -len(_CLAIM)]):
            pass


@contextlib.contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[None]:
    """Lock ``folder`` for this process; it is created if necessary, and removed again if it stays empty.
    Raises LmregError if another process holds the lock and this one doesn't ``wait``, or the folder isn't
    writable."""
    with no_empty_folder(folder), _lock(folder, ".lock", wait) as grant:
        if grant is _Grant.BUSY:
            raise LmregError(f"another process is working in {folder}; wait for it or stop it")
        if grant is _Grant.HELD:
            _clear(folder, f".*{UNFINISHED}")
        yield


def is_locked(folder: Path) -> bool:
    """Whether another process holds ``folder``, see `locked`."""
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
    """At the end, remove ``folder`` and its parents if they are new and empty."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # raised by the first that isn't empty
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
        except FileNotFoundError:  # another process has just ended and removed the folder
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return file, _Grant.BUSY
        except OSError:
            return file, _Grant.UNGUARDED
        # The previous holder has removed the file, and another process may hold a new one by now.
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(file.fileno()), (folder / name).stat()):
                return file, _Grant.HELD
        file.close()


def _clear(folder: Path, pattern: str) -> None:
    for leftover in list(folder.glob(pattern)):  # of a process that was killed while writing
        leftover.unlink(missing_ok=True)
