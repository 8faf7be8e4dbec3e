"""Reading small files with clear errors, and writing them completely or not at all."""

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
"""The ending of temporary files that are being written."""


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then rename it over ``path``. Raises LmregError on
    an error of the file system: no permission, a full disk."""
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
        # A temporary file is private; give it the mode of any other new file.
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
    """Return 16 hexadecimal digits of the content's SHA-256."""
    return hashlib.sha256(content).hexdigest()[:16]


def refuse_special_file(path: Path) -> None:
    """Raise LmregError if ``path`` is a pipe, a socket or a device: reading it could wait for ever. A missing
    file is reported when it is read."""
    with contextlib.suppress(OSError):
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise LmregError(f"{path} is a pipe, a socket or a device; pass a file")


def file_hash(path: Path) -> str:
    """Return the `digest` of a file's content. Raises LmregError if it can't be read."""
    refuse_special_file(path)
    try:
        return digest(path.read_bytes())
    except OSError as error:
        raise LmregError(f"can't read {path}: {error.strerror}") from error


def require_folder(folder: Path, hint: str) -> None:
    """Raise LmregError, ending in ``hint`` or a folder of a similar name, if there is no such folder."""
    if folder.is_dir():
        return
    if folder.exists():
        is_inside = (folder.parent / "config.yaml").exists()
        raise LmregError(f"{folder} is a file; {f'give its folder, {folder.parent}' if is_inside else hint}")
    nearest = Path()
    for part in folder.parts:
        there = [path.name for path in nearest.iterdir() if path.is_dir()]
        close = (
            [part] if (nearest / part).is_dir() else difflib.get_close_matches(part, there, n=1, cutoff=0.8)
        )
        if not close:
            raise LmregError(f"there is no folder {folder}; {hint}")
        nearest /= close[0]
    raise LmregError(f"there is no folder {folder}; did you mean {nearest}?")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def read_json(path: Path, keys: Set[str] = frozenset()) -> Any:
    """Return the value in a JSON file; if there are ``keys``, it must be an object with all of them. Raises
    LmregError if the file is missing, isn't JSON or lacks a key."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LmregError(f"can't read {path}: {error.strerror}") from error
    except ValueError as error:
        raise LmregError(f"{path} is not valid JSON ({error}); delete it to have it made again") from error
    require_keys(value, keys, path)
    return value


def require_keys(value: Any, keys: Set[str], path: Path) -> None:
    """Raise LmregError if there are ``keys`` and ``value``, read from ``path``, isn't an object with all."""
    if keys and not (isinstance(value, dict) and keys <= value.keys()):
        lacks = ", ".join(sorted(set(keys) - set(value if isinstance(value, dict) else ())))
        raise LmregError(f"{path} lacks {lacks}; delete it to have it made again")


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV with floats in full precision."""
    text = table.to_csv(index=False)
    write_atomically(path, lambda file: file.write(text.encode()))


def read_table(path: Path, columns: Collection[str], may_be_empty: bool = False) -> pd.DataFrame:
    """Read a CSV file with at least these ``columns`` and, unless it ``may_be_empty``, one row; ``arch`` is
    read as text. Raises LmregError if the file is missing, unreadable or empty, or lacks a column."""
    import pandas as pd  # here, so that commands that read no table start faster

    try:
        table = pd.read_csv(path, dtype={"arch": str})
    except OSError as error:
        raise LmregError(f"can't read {path}: {error.strerror}") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise LmregError(f"{path} is not a CSV table: {str(error).splitlines()[0]}") from error
    for column in columns:
        if column not in table.columns:
            raise LmregError(f"{path} has no column '{column}'; it has: {', '.join(map(str, table.columns))}")
    if table.empty and not may_be_empty:
        raise LmregError(f"{path} has no rows")
    return table
