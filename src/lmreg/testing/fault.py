"""How a check says what it found."""

from __future__ import annotations


class Fault(AssertionError):
    """A space or a network breaks its contract; one line says how, and for which architecture."""


def require(condition: bool, fault: str) -> None:
    """Nothing if ``condition`` holds. Unlike `assert` it works with ``python -O`` too.

    Raises:
        Fault: it doesn't.
    """
    if not condition:
        raise Fault(fault)
