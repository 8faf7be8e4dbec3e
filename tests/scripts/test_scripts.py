"""The studies and benchmarks, which are too long to be run here, at least find all that they import."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from tests.conftest import ROOT

SCRIPTS = sorted((ROOT / "scripts").rglob("*.py"))


def test_there_are_scripts() -> None:
    assert {path.parent.name for path in SCRIPTS} == {"bench", "scripts", "study"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT / "scripts")))
def test_a_script_can_be_loaded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(path.parent))
    runpy.run_path(str(path))  # not as __main__, so that its main function isn't called
