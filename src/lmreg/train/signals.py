"""Stopping between two steps when the process is asked to end."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType


class StopRequest:
    """A context manager: SIGTERM and SIGINT set ``signal_number`` instead of ending the process.

    A second signal acts as it always does.
    """

    _SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def __enter__(self) -> StopRequest:
        self._before = {number: signal.signal(number, self._note) for number in self._SIGNALS}
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal_number = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
