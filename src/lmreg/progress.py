"""Live progress: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_PLAIN_INTERVAL_SECONDS = 10.0


def console() -> Console:
    """Where tables and progress go; full lines where the output is not a terminal."""
    out = Console(highlight=False, markup=False)
    return out if out.is_terminal else Console(highlight=False, markup=False, width=160)


class Progress:
    """A context manager that shows how much of a known amount of work is done, and figures with it."""

    def __init__(self, title: str, total: int, done: int = 0):
        self._title, self._total, self._done = title, total, done
        self._start, self._started_at = time.monotonic(), done
        self._last_line = float("-inf")
        self._console = console()
        self._bar: Bar | None = None
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn())
            times = (TimeElapsedColumn(), TextColumn("ETA"), TimeRemainingColumn())
            figures = TextColumn("{task.fields[figures]}", style="dim")
            self._bar = Bar(*columns, *times, figures, console=self._console)
            self._task = self._bar.add_task(title, total=total, completed=done, figures="")

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, figures: str | None = None, by: int = 1) -> None:
        """``by`` more units of work are done; ``figures`` says how it goes (None: as before)."""
        self._done += by
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)
            if figures is not None:
                self._bar.update(self._task, figures=figures)
            return
        now = time.monotonic()
        finished = self._done == self._total
        if figures is not None and (finished or now - self._last_line >= _PLAIN_INTERVAL_SECONDS):
            self._last_line = now
            rate = (now - self._start) / max(1, self._done - self._started_at)
            eta = _clock(rate * (self._total - self._done))
            text = f"{self._title} {self._done}/{self._total}, ETA {eta}"
            print(", ".join(filter(None, (text, figures))), flush=True)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
