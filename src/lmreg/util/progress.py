"""Output for users: live progress, as a bar in terminals and as plain lines elsewhere; messages; tables."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Collection, Iterable, Iterator
from contextvars import ContextVar
from importlib.util import find_spec

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

_PLAIN_INTERVAL_SECONDS = 10.0
_PLAIN_WIDTH = 160
_PACE_UNITS, _PACE_SECONDS = 3, 1.0  # the least work from which the time left is estimated


_quiet: ContextVar[bool] = ContextVar("quiet", default=False)
_log = logging.getLogger("lmreg")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within this context, lines go to the logger ``lmreg`` and tables aren't shown: for callers who want
    values. Progress bars are still shown in terminals, and in notebooks with ipywidgets."""
    before = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(before)


def say(text: str) -> None:
    """Print a line for the user at once; within `quiet`, log it, notes and warnings at the level warning."""
    if not _quiet.get():
        print(text, flush=True)
    elif text:
        _log.log(logging.WARNING if text.startswith(("Note:", "Warning:")) else logging.INFO, "%s", text)


def console(widest: int | None = None) -> Console:
    """Return a console for tables, at most ``widest`` columns wide; it uses colours only in terminals.

    If the output isn't a terminal, lines are ``widest`` columns long, or long enough for every table.
    """
    out = Console(highlight=False, markup=False)
    width = out.width if out.is_terminal else widest or _PLAIN_WIDTH
    return Console(highlight=False, markup=False, width=min(width, widest or width), quiet=_quiet.get())


def new_table(title: str, headings: Iterable[str], left: Collection[str]) -> Table:
    """Return a table without rows; its columns ``left`` are aligned to the left, the others to the right."""
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, overflow="fold", justify="left" if heading in left else "right")
    return table


class Progress:
    """A context manager that shows how much of a known amount of work is done, along with some figures."""

    def __init__(self, title: str, total: int, done: int = 0):
        self._title, self._total, self._done = title, total, done
        # The clock starts after the first unit, which is slow as caches are filled and kernels prepared.
        self._start: float | None = None
        self._started_at = done
        self._last_line = float("-inf")
        self._bar: Bar | None = None
        shown = Console(highlight=False, markup=False)
        if shown.is_terminal or (shown.is_jupyter and find_spec("ipywidgets")):  # rich needs it in notebooks
            columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn())
            times = (TimeElapsedColumn(), TextColumn("ETA {task.fields[eta]}"))
            figures = TextColumn("{task.fields[figures]}", style="dim")
            self._bar = Bar(*columns, *times, figures, console=shown)
            self._task = self._bar.add_task(title, total=total, completed=done, figures="", eta="-:--")

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, figures: str | None = None, by: int = 1) -> None:
        """Record ``by`` more units of work as done; ``figures`` replaces the figures shown, unless None."""
        self._done += by
        now = time.monotonic()
        if self._start is None:
            self._start, self._started_at = now, self._done
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, eta=self._eta(now))
            if figures is not None:
                self._bar.update(self._task, figures=figures)
            return
        finished = self._done == self._total
        if figures is not None and (finished or now - self._last_line >= _PLAIN_INTERVAL_SECONDS):
            self._last_line = now
            text = f"{self._title} {self._done}/{self._total}, ETA {self._eta(now)}"
            say(", ".join(filter(None, (text, figures))))

    def _eta(self, now: float) -> str:
        """Return the time left at the mean pace so far, or a blank as long as there is too little to tell."""
        assert self._start is not None
        left, since, elapsed = self._total - self._done, self._done - self._started_at, now - self._start
        if left > 0 and (since < _PACE_UNITS or elapsed < _PACE_SECONDS):
            return "-:--"
        minutes, seconds = divmod(int(elapsed / max(1, since) * left), 60)
        return f"{minutes}:{seconds:02d}"


def counted(n: int, noun: str) -> str:
    """Return ``1 seed``, ``2 seeds``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def format_duration(seconds: float) -> str:
    """Return an estimated time in words: ``8 s``, ``3 min``, ``2 h 10 min``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{minutes} min" if hours == 0 else f"{hours} h {rest} min" if hours < 10 else f"{hours} h"
