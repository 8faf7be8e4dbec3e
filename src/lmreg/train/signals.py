"""Stopping between two steps when the process is asked to end."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, NoReturn

from lmreg.errors import Interrupted


def in_main_thread() -> bool:
    """Whether signal handlers can be set here."""
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def stopped_at_once(message: str) -> Iterator[None]:
    """Within, SIGTERM and SIGINT end the work wherever it is; for the main thread only.

    Raises:
        Interrupted: with that message.
    """

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise Interrupted(message, number)

    mine = (signal.SIGTERM, signal.SIGINT) if in_main_thread() else ()
    before = {number: signal.signal(number, stop) for number in mine}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StopRequest:
    """A context manager: SIGTERM and SIGINT set ``signal_number`` instead of ending the process.

    A second signal acts as it always does. Outside the main thread, which is the only one that Python lets
    handle signals, nothing changes.
    """

    _SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._before: dict[int, Any] = {}
        self._message: str | None = None

    def __enter__(self) -> StopRequest:
        mine = self._SIGNALS if in_main_thread() else ()
        self._before = {number: signal.signal(number, self._note) for number in mine}
        return self

    @contextlib.contextmanager
    def at_once(self, message: str) -> Iterator[None]:
        """Within, the signal ends the work wherever it is: for what has been saved and can be done again.

        Raises:
            Interrupted: with that message.
        """
        self._message = message
        try:
            self._end()  # it may have come just before
            yield
        finally:
            self._message = None

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal_number = number
        self._restore()
        self._end()

    def _end(self) -> None:
        if self._message is not None and self.signal_number is not None:
            raise Interrupted(self._message, self.signal_number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
