"""The error that a failed check raises."""

from __future__ import annotations

RANDOM = "gives other logits when it is evaluated again; does it have dropout or other randomness?"


class Fault(AssertionError):
    """A space or a network violates its interface; one line says how, and for which architecture."""


def require(condition: bool, fault: str) -> None:
    """Raise `Fault` unless ``condition`` holds; unlike `assert` this also works with ``python -O``."""
    if not condition:
        raise Fault(fault)
