"""``error.txt``, which a failed run leaves in its folder."""

from __future__ import annotations

import contextlib
import shlex
import sys
import traceback
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from lmreg.errors import Interrupted, LmregError, error_line, is_user_error
from lmreg.util.files import write_atomically
from lmreg.util.locks import is_locked

ERROR_FILE = "error.txt"


@contextlib.contextmanager
def failure_noted(folder: Path, always: bool) -> Iterator[None]:
    """Write ``error.txt`` into ``folder`` on an error, and remove it otherwise. Without ``always`` a run that
    never began leaves no folder."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt):  # an earlier failure no longer matters
        (folder / ERROR_FILE).unlink(missing_ok=True)
        raise
    except Exception as error:
        # A finished run, or one that another process is working on, has not failed.
        in_order = (folder / "result.json").exists() or is_locked(folder)
        if (always or folder.is_dir()) and not in_order:
            report = _report(error).encode()
            with contextlib.suppress(LmregError):  # the error may be that the folder can't be written
                write_atomically(folder / ERROR_FILE, lambda file: file.write(report))
        raise
    (folder / ERROR_FILE).unlink(missing_ok=True)


def _report(error: Exception) -> str:
    """Return time, command and error, a line each, and the traceback if the user can't mend it."""
    lines = [
        f"time: {datetime.now().astimezone().isoformat(timespec='seconds')}",
        f"command: {sys.argv[0]} {shlex.join(sys.argv[1:])}",
        f"error: {error_line(error)}",
    ]
    if not is_user_error(error):
        lines += ["", "".join(traceback.format_exception(error)).rstrip()]
    return "\n".join(lines) + "\n"


def read_failure(folder: Path) -> str | None:
    """Return the error line of ``error.txt`` in ``folder``, or None if there is no such file."""
    try:
        lines = (folder / ERROR_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), "unknown")
