"""Running commands in processes of their own without importing everything again.

A server process imports torch and lmreg once and forks for each command, which saves about five seconds each;
`tests/scripts` and some tests of `tests/cli/test_main.py` start commands as a shell does.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# The server gets its environment (see conftest.py) and its modules when the first command starts.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.preloaded"])


class Started:
    """A running process ``lmreg ARGS``, with the part of `subprocess.Popen` that the tests need.

    Args:
        before: a module's function and its arguments, which the process calls first.
    """

    def __init__(self, args: Sequence[str | Path], cwd: Path | None = None, before: Sequence[object] = ()):
        self._folder = tempfile.TemporaryDirectory(prefix="lmreg-test-")
        self._files = [Path(self._folder.name) / name for name in ("stdout", "stderr")]
        self._args = [str(word) for word in args]
        self._process = _CONTEXT.Process(
            target=_main, args=(self._args, self._files, cwd or Path.cwd(), dict(os.environ), before)
        )
        self._process.start()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            assert self._process.pid is not None
            os.kill(self._process.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for the process to end; return its standard output and error.

        Raises:
            subprocess.TimeoutExpired: it ran for longer and was killed.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            self.kill()
            raise subprocess.TimeoutExpired(self._args, timeout)
        said, errors = (file.read_text() for file in self._files)
        return said, errors


def _main(
    args: list[str], files: list[Path], cwd: Path, environment: Mapping[str, str], before: Sequence[object]
) -> None:
    for number, path in zip((1, 2), files, strict=True):
        with path.open("w") as file:
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(cwd)
    if before:
        function, *its_args = before
        function(*its_args)  # type: ignore[operator]
    from lmreg.cli.main import main

    main(args, prog_name="lmreg")
