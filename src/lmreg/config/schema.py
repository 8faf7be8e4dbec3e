"""Dataclass fields that declare an option: default, help, valid values, and what it means for results.

A config's dataclass is the one place where an option is declared. ``python scripts/conf.py`` writes the yaml
files in ``conf/`` from it, and the index ``conf/options.json``, which help, completion and identities read.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal

Text = Literal["path", "name", "text", "whole"]
"""A path; a folder's name; any other text; text in which a comma doesn't separate the values of a sweep."""

_ABSENT: Any = object()


def option(
    default: Any,
    *,
    help: str = "",
    min: float | None = None,
    max: float | None = None,
    choices: Sequence[str] | None = None,
    text: Text | None = None,
    yaml: str | None = None,
    result: bool | Literal["once"] = True,
    named: bool = True,
    before: Any = _ABSENT,
    sweep_folder: bool | None = None,
) -> Any:
    """A dataclass field that is an option.

    Args:
        help: one line, shown by ``--help`` and beside the default in the yaml file.
        min, max, choices: the valid values; None for no limit.
        text: the kind of text of an option that takes its value as it stands, without quotes; see `Text`.
        yaml: what the yaml file has in place of the default, such as an interpolation.
        result: whether results depend on the option, so that it is part of their identity (hash and name);
            "once" if only an earlier lmreg took it for a part.
        named: False if the study's name, or the run's beside its options, tells the value already.
        before: what runs did before the option existed. Configs that lack the option get this value, and with
            this value the option is not part of the identity, so that earlier results keep their hash.
        sweep_folder: whether the jobs of a sweep over the option write to a folder each, where their command
            writes one folder; None for options on which results depend.
    """
    about = {"help": help, "min": min, "max": max, "choices": choices, "text": text, "yaml": yaml}
    about |= {"result": result, "named": named}
    about["sweep_folder"] = result is True if sweep_folder is None else sweep_folder
    if before is not _ABSENT:
        about["before"] = before
    return _field(default, about)


def inherit(base: type, name: str, default: Any = _ABSENT, **changes: Any) -> Any:
    """The option ``name`` of the dataclass ``base`` with another default, or other arguments of `option`."""
    (field,) = (f for f in dataclasses.fields(base) if f.name == name)
    if default is _ABSENT:
        is_plain = field.default_factory is dataclasses.MISSING
        default = field.default if is_plain else field.default_factory()  # type: ignore[operator]
    return _field(default, {**field.metadata, **changes})


def block(schema: type) -> Any:
    """A dataclass field that holds the options of the dataclass ``schema``."""
    return dataclasses.field(default_factory=schema, metadata={"block": schema})


def _field(default: Any, metadata: dict[str, Any]) -> Any:
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
    if choices is not None and str(value) not in choices:
        return f"must be one of {', '.join(choices)}"
    if low is not None and not value >= low:
        return f"must be at least {low}" if high is None else f"must be between {low} and {high}"
    if high is not None and not value <= high:
        return f"must be at most {high}" if low is None else f"must be between {low} and {high}"
    numbers = value if isinstance(value, list) else [value]
    if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
        return "must be finite"  # infinity passes every bound, and the work would never end
    if any(isinstance(number, int) and abs(number) >= 2**63 for number in numbers):
        return "must be less than 2^63"  # torch's integers have 64 bits
    return None


def text_error(kind: Text | None, value: Any) -> str | None:
    """What is wrong with ``value`` as a text of that kind, or None."""
    if kind in ("path", "name") and not value:
        return "must not be empty" + ("; a dot is the current folder" if kind == "path" else "")
    if kind == "name" and ("/" in value or value in (".", "..")):
        return "must be the name of one folder, without /"
    return None
