"""Dataclass fields that carry their valid range, so that one place checks every option."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal

Text = Literal["path", "name", "text", "whole"]
"""A path; a folder's name; other text; text in which a comma doesn't separate the values of a sweep."""


def option(
    default: Any,
    *,
    help: str = "",
    min: float | None = None,
    max: float | None = None,
    choices: Sequence[str] | None = None,
    text: Text | None = None,
) -> Any:
    """A dataclass field with a default, a one-line description and the values it may take.

    Args:
        text: what kind of text it takes as it stands, without quotes of its own; see `Text`.
    """
    metadata = {"help": help, "min": min, "max": max, "choices": choices, "text": text}
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def range_error(field: dataclasses.Field[Any], value: Any) -> str | None:
    """What is wrong with ``value`` for this field, or None."""
    low, high, choices, text = (field.metadata.get(key) for key in ("min", "max", "choices", "text"))
    if value is None or isinstance(value, bool):
        return None
    if problem := text_error(text, value):
        return problem
    if choices is not None and value not in choices:
        return f"must be one of {', '.join(choices)}"
    if low is not None and not value >= low:
        return f"must be at least {low}" if high is None else f"must be between {low} and {high}"
    if high is not None and not value <= high:
        return f"must be at most {high}" if low is None else f"must be between {low} and {high}"
    numbers = value if isinstance(value, list) else [value]
    if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
        return "must be finite"  # infinity passes every bound, and work without an end begins
    return None


def text_error(kind: Text | None, value: Any) -> str | None:
    """What is wrong with ``value`` as a text of that kind, or None."""
    if kind in ("path", "name") and not value:
        return "must not be empty" + ("; a dot is the folder you are in" if kind == "path" else "")
    if kind == "name" and ("/" in value or value in (".", "..")):
        return "must be the name of one folder, without /"
    return None
