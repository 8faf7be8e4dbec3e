"""Translate the words of a command line into overrides that Hydra reads.

To Hydra most special characters have a meaning. Options that are declared as text
(`lmreg.config.schema.Text`) take any character: here they get the quotes that Hydra needs. Overrides that
can't be meant, such as an option with two values or a sweep over none, are refused; Hydra would take the last
value, or run nothing.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, Quote, QuotedString, Transformer, ValueType
from omegaconf.errors import GrammarParseError
from omegaconf.grammar_parser import parse

from lmreg.config import catalogue
from lmreg.config.index import Field
from lmreg.config.resolvers import absolute
from lmreg.config.schema import Text, text_error
from lmreg.config.values import canonical, plain
from lmreg.errors import LmregError

MULTIRUN = ("-m", "--multirun")
_QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
_PART = re.compile(rf"\s*(?:{_QUOTED.pattern})\s*(?=,|\Z)|[^,]*", re.DOTALL)
_FUNCTION = re.compile(r"(choice|glob|interval|range)\(.*\)")
"""Hydra's sweep functions; a path that looks like one needs quotes."""


def split_values(value: str) -> list[str]:
    """Split the text of an option into its values, several for a sweep, at commas outside quotes.

    Only quotes around a whole value count. Spaces around each of several values are dropped.
    """
    parts, at = [], 0
    while True:
        part = _PART.match(value, at)
        assert part is not None
        parts.append(part[0])
        at = part.end() + 1
        if at > len(value):
            break
    return [_without_quotes(part, strip=len(parts) > 1) for part in parts]


def quoted(values: Sequence[str]) -> str:
    """Return text that `split_values`, and Hydra, read as these values, whatever their characters."""
    return ",".join(QuotedString(value, Quote.single).with_quotes() for value in values)


def _without_quotes(part: str, strip: bool) -> str:
    bare = part.strip()
    if not _QUOTED.fullmatch(bare):
        return bare if strip else part
    # As in Hydra, backslashes escape only in a row that ends at a quote.
    return re.sub(rf"(\\+)(?={bare[0]}|\Z)", lambda row: row[1][: len(row[1]) // 2], bare[1:-1])


def argument(key: str, value: object) -> str:
    """Return ``key=value``, quoted where lmreg would otherwise not read the text ``value``."""
    text = str(value)
    plain = split_values(text) == [text] and text not in ("", "null") and not text.startswith("~")
    if not plain or _FUNCTION.fullmatch(text):
        text = QuotedString(text, Quote.double).with_quotes()  # single quotes are left to the shell
    return f"{key}={text}"


def word(key: str, value: object) -> str:
    """Return `argument` quoted for a shell, to be printed and pasted."""
    return shlex.quote(argument(key, value))


def as_text(kind: Text | None, value: str) -> str:
    """Return a text option's only value without its quotes, ~ of a path replaced by the home folder."""
    bare = _without_quotes(value, strip=False)
    return with_home(bare) if kind == "path" and bare == value else bare


def with_home(path: str) -> str:
    """Replace a leading ~ by the home folder, which shells don't do after a =."""
    # Path.expanduser would fail if there is no such user.
    return os.path.expanduser(path) if path.startswith("~") else path  # noqa: PTH111


def quoted_texts(command: str, args: Sequence[str]) -> list[str]:
    """Return ``args`` with quotes around values that Hydra couldn't read without them."""
    for arg in args:
        if any("\ud800" <= character <= "\udfff" for character in arg):  # bytes that could not be decoded
            raise LmregError(
                f"can't read {arg!r}: the locale's encoding lacks its characters; set LC_ALL=C.UTF-8"
            )
    return [_quoted_text(command, arg) for arg in args]


def _quoted_text(command: str, arg: str) -> str:
    key, is_given, value = arg.partition("=")
    if not is_given or arg.startswith("-"):
        return arg
    field = catalogue.field_of(command, key.lstrip("+"))
    kind = field.text if field else None
    if kind is None:
        if field is None:  # may be a path option of a class that isn't lmreg's
            value = with_home(value)
        special = set(value) & set("'\"\\,[]{}()$")
        return f"{key}='{value}'" if "=" in value and not special else f"{key}={value}"
    if value == "null" or _FUNCTION.fullmatch(value) or (kind == "whole" and value[:1] in ("'", '"')):
        return arg
    texts = [value] if kind == "whole" else split_values(value)
    for text in texts:
        if problem := text_error(kind, text):
            raise LmregError(f"{key}={text}: {problem}")
        if "${" in text and not _is_readable(text):
            raise LmregError(f"{key}={text}: after ${{ the name of an option is expected, and }}")
    if kind == "path":
        texts = [with_home(text) for text in texts]
    return f"{key}={quoted(texts)}"


def _is_readable(text: str) -> bool:
    """Whether OmegaConf can read the interpolations in ``text``."""
    try:
        parse(text)
    except GrammarParseError:
        return False
    return True


def _values(override: Override) -> list[Any]:
    """Return the values of a sweep, or the only value of another override, as Hydra has read them."""
    value: Any = override.value()
    if isinstance(value, Glob):
        return list(value.filter(catalogue.choices(override.get_key_element().lstrip("+"))))
    if override.is_discrete_sweep():
        values = list(override.sweep_iterator(transformer=Transformer.identity))
    else:
        values = [value]
    return [v.text if isinstance(v, QuotedString) else v for v in values]


def _comparable(value: Any, field: Field | None) -> str:
    """Return text that is equal for values that mean the same to the option."""
    value = canonical(value, field.type if field else "")
    if field and field.text == "path" and isinstance(value, str):
        return absolute(value)
    return json.dumps(plain(value), sort_keys=True, default=str)


def checked(command: str, args: Sequence[str]) -> list[str]:
    """Return ``args`` with each option once, and with the fitting choices in place of a ``glob``.

    Refused are an option with two values, several values without ``-m``, and a sweep with a value twice or
    without any.
    """
    parser, sweeping = OverridesParser.create(), bool(set(MULTIRUN) & set(args))
    other_sweeper = any(arg.lstrip("+").startswith("hydra/sweeper=") for arg in args)
    given: dict[str, tuple[str, list[str]]] = {}
    result = []
    for arg in args:
        if arg.startswith("-") or "=" not in arg:
            result.append(arg)
            continue
        (override,) = parser.parse_overrides([arg])
        key = override.get_key_element().lstrip("+")
        field = catalogue.field_of(command, key)
        values = _values(override)
        if key in catalogue.groups(command) and not all(isinstance(value, str) for value in values):
            raise LmregError(f"{arg}: {key} needs one of its choices: {', '.join(catalogue.choices(key))}")
        # As the user wrote it, without the quotes added for Hydra.
        shown = f"{key}={','.join(map(str, values))}" if field and field.text else arg
        if override.is_sweep_override():
            if override.value_type != ValueType.INTERVAL_SWEEP or not other_sweeper:
                _check_kind_of_sweep(command, key, shown, override)
            if not sweeping:
                comma = (
                    f"; quote one that has a comma itself: \"{key}='a,b'\"" if field and field.text else ""
                )
                raise LmregError(f"{shown}: several values; for a sweep over them add -m{comma}")
        means = [_comparable(value, field) for value in values]
        for index, mine in enumerate(means):
            if (first := means.index(mine)) < index:
                pair = list(dict.fromkeys([str(values[first]), str(values[index])]))
                same = f"{pair[0]} is given twice" if len(pair) == 1 else f"{' and '.join(pair)} are the same"
                raise LmregError(f"{shown}: {same}; give each value once")
        if key not in given:
            given[key] = shown, means
            glob = isinstance(override.value(), Glob)
            result.append(f"{arg.partition('=')[0]}={','.join(values)}" if glob else arg)
        elif means != given[key][1]:
            every = ", all its values in one" if sweeping else ""
            raise LmregError(f"{key} is given twice, {given[key][0]} and {shown}; give it once{every}")
    return result


def _check_kind_of_sweep(command: str, key: str, shown: str, override: Override) -> None:
    """Check that Hydra's own sweeper finds at least one value of this option in ``override``."""
    names = catalogue.choices(key) if key in catalogue.groups(command) else []
    if override.value_type == ValueType.INTERVAL_SWEEP:
        raise LmregError(f"{shown}: a sweep can't draw from an interval; list the values: {key}=<a>,<b>")
    if override.value_type == ValueType.GLOB_CHOICE_SWEEP and not names:
        raise LmregError(f"{shown}: a glob matches names of choices only; list the values")
    if not _values(override):
        there = f"; there are: {', '.join(names)}" if names else ""
        raise LmregError(f"{shown}: no value at all{there}")
