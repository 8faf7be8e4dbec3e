"""What a run that failed leaves behind: ``error.txt`` in its folder."""

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
def noted(folder: Path, always: bool) -> Iterator[None]:
    """On an error leave ``error.txt`` in ``folder``, on success remove it.

    Args:
        always: make the folder if need be; otherwise a run that never began leaves nothing.
    """
    try:
        yield
    except (Interrupted, KeyboardInterrupt):  # what went wrong before is history
        (folder / ERROR_FILE).unlink(missing_ok=True)
        raise
    except Exception as error:
        # Not beside a result, nor where another process is at work: their folder is in order.
        theirs = (folder / "result.json").exists() or is_locked(folder)
        if (always or folder.is_dir()) and not theirs:
            report = _report(error).encode()
            with contextlib.suppress(LmregError):  # a folder that can't be written is told of already
                write_atomically(folder / ERROR_FILE, lambda file: file.write(report))
        raise
    (folder / ERROR_FILE).unlink(missing_ok=True)


def _report(error: Exception) -> str:
    """Time, command and what went wrong, a line each; the traceback where it may be lmreg's fault."""
    lines = [
        f"time: {datetime.now().astimezone().isoformat(timespec='seconds')}",
        f"command: {sys.argv[0]} {shlex.join(sys.argv[1:])}",
        f"error: {error_line(error)}",
    ]
    if not is_user_error(error):
        lines += ["", "".join(traceback.format_exception(error)).rstrip()]
    return "\n".join(lines) + "\n"


def read_failure(folder: Path) -> str | None:
    """The one line of what went wrong in ``folder``, if something did."""
    try:
        lines = (folder / ERROR_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), "unknown")
