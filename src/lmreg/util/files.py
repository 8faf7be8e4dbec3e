"""Small files, read with clear errors and written whole or not at all."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Collection, Set
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lmreg.errors import LmregError

if TYPE_CHECKING:
    import pandas as pd

UNFINISHED = ".unfinished"
"""How the names of files end that are being written."""


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then rename it over ``path``.

    Raises:
        LmregError: no permission, disk full, or another fault of the file system.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED, delete=False
        ) as file:
            temporary = Path(file.name)
            write(file)
            file.flush()
            os.fsync(file.fileno())
        # A temporary file is private; give it the mode any new file would have.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        raise LmregError(f"can't write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def digest(content: bytes) -> str:
    """16 hexadecimal digits that change when the content does."""
    return hashlib.sha256(content).hexdigest()[:16]


def require_file(path: Path) -> None:
    """Nothing if it is a file or isn't there, which is told where it is read.

    Raises:
        LmregError: it is something else, such as a pipe, which would be waited for and can be read but once.
    """
    with contextlib.suppress(OSError):
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise LmregError(f"{path} is a pipe, a socket or a device; name a file")


def file_hash(path: Path) -> str:
    """The `digest` of a file's content.

    Raises:
        LmregError: it can't be read.
    """
    require_file(path)
    try:
        return digest(path.read_bytes())
    except OSError as error:
        raise LmregError(f"can't read {path}: {error.strerror}") from error


def require_folder(folder: Path, what: str) -> None:
    """Nothing if there is such a folder.

    Args:
        what: what it should be, in words.

    Raises:
        LmregError: there is none; names the nearest if one of similar names is there.
    """
    if folder.is_dir():
        return
    if folder.exists():
        raise LmregError(f"{folder} is a file; give its folder, {folder.parent}")
    nearest = Path()
    for part in folder.parts:
        there = [path.name for path in nearest.iterdir() if path.is_dir()]
        close = (
            [part] if (nearest / part).is_dir() else difflib.get_close_matches(part, there, n=1, cutoff=0.8)
        )
        if not close:
            raise LmregError(f"there is no folder {folder}; {what}")
        nearest /= close[0]
    raise LmregError(f"there is no folder {folder}; did you mean {nearest}?")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def read_json(path: Path, keys: Set[str] = frozenset()) -> Any:
    """The value in a JSON file; one with ``keys`` must be an object that has them all.

    Raises:
        LmregError: the file is missing, isn't JSON or lacks a key.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LmregError(f"can't read {path}: {error.strerror}") from error
    except ValueError as error:
        raise LmregError(f"{path} is not valid JSON ({error}); delete it to have it made again") from error
    require(value, keys, path)
    return value


def require(value: Any, keys: Set[str], path: Path) -> None:
    """Nothing if ``value``, read from ``path``, is an object with ``keys`` or none are asked for.

    Raises:
        LmregError: a key is missing.
    """
    if keys and not (isinstance(value, dict) and keys <= value.keys()):
        lacks = ", ".join(sorted(set(keys) - set(value if isinstance(value, dict) else ())))
        raise LmregError(f"{path} lacks {lacks}; delete it to have it made again")


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, floats in full precision."""
    text = table.to_csv(index=False)
    write_atomically(path, lambda file: file.write(text.encode()))


def read_table(path: Path, columns: Collection[str]) -> pd.DataFrame:
    """A CSV file that must have ``columns`` and at least one row; ``arch`` is read as text.

    Raises:
        LmregError: missing, unreadable or empty file, or a missing column.
    """
    import pandas as pd  # here: commands that read no table start faster without

    try:
        table = pd.read_csv(path, dtype={"arch": str})
    except OSError as error:
        raise LmregError(f"can't read {path}: {error.strerror}") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise LmregError(f"{path} is not a CSV table: {str(error).splitlines()[0]}") from error
    for column in columns:
        if column not in table.columns:
            raise LmregError(f"{path} has no column '{column}'; it has: {', '.join(map(str, table.columns))}")
    if table.empty:
        raise LmregError(f"{path} has no rows")
    return table
