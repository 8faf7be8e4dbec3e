"""The fields that ``docs/files.md`` describes, for comparison with a study's real files."""

from __future__ import annotations

import csv
import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lmreg.config.build import classes_of
from lmreg.config.catalogue import choices
from lmreg.task.base import Task
from tests.conftest import ROOT


def undescribed(study: Path) -> set[tuple[str, str]]:
    """Return fields of JSON and CSV files below ``study`` that the document lacks, with their files."""
    documented = _document()
    return {
        (str(path.relative_to(study)), field)
        for path in _files(study)
        for field in _fields(path)
        if not any(re.fullmatch(pattern, field) for pattern, _ in _of(documented, path.relative_to(study)))
    }


def unwritten(study: Path) -> set[tuple[str, str]]:
    """Return fields that should always exist by the document, but are in no such file below ``study``."""
    written: dict[str, set[str]] = {}
    for path in _files(study):
        for file in _document():
            if re.fullmatch(file, str(path.relative_to(study))):
                written.setdefault(file, set()).update(_fields(path))
    return {
        (file, pattern)
        for file, fields in written.items()
        for pattern, always in _document()[file]
        if always and not any(re.fullmatch(pattern, field) for field in fields)
    }


def _files(study: Path) -> list[Path]:
    """Return the files that the document describes; it describes a report's tables only in a paragraph."""
    found = [path for path in study.rglob("*") if path.suffix in (".json", ".csv")]
    shown = [path for path in found if "/." not in f"/{path.relative_to(study)}"]
    return [path for path in shown if path.parent.name != "report"]


def _of(documented: dict[str, list[tuple[str, bool]]], path: Path) -> list[tuple[str, bool]]:
    return [field for file, fields in documented.items() if re.fullmatch(file, str(path)) for field in fields]


@functools.cache
def _document() -> dict[str, list[tuple[str, bool]]]:
    """Return, by pattern of a file's path, the patterns of its fields and whether they always exist."""
    documented: dict[str, list[tuple[str, bool]]] = {}
    for section in (ROOT / "docs" / "files.md").read_text().split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        fields = []
        for names, meaning in re.findall(r"^- (`[^:]+`): (.+)$", text, re.M):
            fields += [
                (_pattern(name), not meaning.startswith("only ")) for name in re.findall("`(.+?)`", names)
            ]
        documented |= {_pattern(file): fields for file in re.findall("`(.+?)`", heading)}
    return documented


def _pattern(name: str) -> str:
    columns = {score.column for task in classes_of("task", Task).values() for score in task.scores.values()}
    pattern = re.escape(name).replace("<score>", f"({'|'.join(sorted(columns))})")
    pattern = pattern.replace(re.escape("<training-free score>"), f"({'|'.join(choices('proxy'))})")
    return re.sub("<.+?>", r"[^/]+", pattern).replace(r"\.\*", r"\..+")


def _fields(path: Path) -> set[str]:
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return set(next(csv.reader(file)))
    return set(_within(json.loads(path.read_text())))


def _within(value: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of values that aren't objects; ``name[].field`` within a list."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _within(item, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for item in value:
            yield from _within(item, f"{prefix}[]")
    else:
        yield prefix
