"""Dataclass fields that carry their valid range, so that one place checks every option."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any


def option(
    default: Any,
    *,
    help: str = "",
    min: float | None = None,
    max: float | None = None,
    choices: Sequence[str] | None = None,
) -> Any:
    """A dataclass field with a default, a one-line description and the values it may take."""
    metadata = {"help": help, "min": min, "max": max, "choices": choices}
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def range_error(field: dataclasses.Field[Any], value: Any) -> str | None:
    """What is wrong with ``value`` for this field, or None."""
    low, high, choices = (field.metadata.get(key) for key in ("min", "max", "choices"))
    if value is None or isinstance(value, bool):
        return None
    if choices is not None and value not in choices:
        return f"must be one of {', '.join(choices)}"
    if low is not None and not value >= low:
        return f"must be at least {low}" if high is None else f"must be between {low} and {high}"
    if high is not None and not value <= high:
        return f"must be at most {high}" if low is None else f"must be between {low} and {high}"
    return None
