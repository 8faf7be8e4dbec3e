"""SIGTERM and SIGINT: stop at once, or between two steps."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from lmreg.errors import Interrupted


def in_main_thread() -> bool:
    """Return whether signal handlers can be set: Python allows it in the main thread only."""
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def stopped_at_once(message: str) -> Iterator[None]:
    """Within, SIGTERM and SIGINT stop the work immediately, by an Interrupted with that message; without
    effect outside the main thread."""
    with StopRequest() as stop, stop.at_once(message):
        yield


class StopRequest:
    """A context manager: SIGTERM and SIGINT set ``signal_number`` instead of ending the process.

    A second signal has its usual effect. Outside the main thread the class has no effect.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._before: dict[int, Any] = {}
        self._message: str | None = None

    def __enter__(self) -> StopRequest:
        mine = (signal.SIGTERM, signal.SIGINT) if in_main_thread() else ()
        self._before = {number: signal.signal(number, self._note) for number in mine}
        return self

    @contextlib.contextmanager
    def at_once(self, message: str) -> Iterator[None]:
        """Within, a signal stops the work immediately: for work that a resumed run simply does again. Raises
        Interrupted with that message when a signal comes or has come before."""
        self._message = message
        try:
            self._raise_if_due()  # the signal may have come just before
            yield
        finally:
            self._message = None

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal_number = number
        self._restore()
        self._raise_if_due()

    def _raise_if_due(self) -> None:
        if self._message is not None and self.signal_number is not None:
            raise Interrupted(self._message, self.signal_number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __exit__(self, *error: object) -> None:
        self._restore()
