"""The README and the pages of ``docs/``, in the order in which a reader meets them, and their code blocks."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.conftest import ROOT

DOCS = ROOT / "docs"


class _Loader(yaml.SafeLoader):
    """mkdocs.yml names functions by tags, which are of no interest here."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: None)
SITE = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), _Loader)


def _in_order(entries: list[object]) -> list[str]:
    found: list[str] = []
    for entry in entries:
        if isinstance(entry, dict):
            (entry,) = entry.values()
        found += _in_order(entry) if isinstance(entry, list) else [str(entry)]
    return found


NAVIGATION = _in_order(SITE["nav"])
PAGES: dict[Path, str] = {
    path: path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *(DOCS / name for name in NAVIGATION if name.endswith(".md"))]
}


def blocks(text: str, language: str) -> list[str]:
    """The contents of the fenced blocks of ``language`` in a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def files_of(text: str) -> dict[str, str]:
    """By name, the files that a page shows whole: blocks whose first line is ``# <name>``."""
    shown = [block for language in ("python", "yaml") for block in blocks(text, language)]
    return {name[1]: block for block in shown if (name := re.match(r"# ([\w./]+\.(?:py|yaml))\n", block))}
