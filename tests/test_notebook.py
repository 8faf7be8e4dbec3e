"""The notebook of the documents runs from its first to its last cell, and has been run."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from tests.conftest import ROOT

NOTEBOOK = json.loads((ROOT / "docs" / "python.ipynb").read_text(encoding="utf-8"))
CODE = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def test_every_cell_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    names: dict[str, Any] = {}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for cell in CODE:
            source = re.sub(r"trainer\.steps=\d+", "trainer.steps=6", "".join(cell["source"]))
            exec(source.replace("bootstrap=500", "bootstrap=100").replace("(0, 1, 2)", "(0, 1)"), names)
    assert len(names["runs"]) == 4
    assert len(names["tau"]) == 4
    assert {"loss_nats", "truth_accuracy_percent"} <= set(names["ranking"])
    first, last = said.getvalue().splitlines()
    assert first.startswith("True ")
    assert last == "unknown key 'trainer.stebs=10'; did you mean 'trainer.steps'?"


def test_it_has_been_executed() -> None:
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    kinds = {output["output_type"] for cell in CODE for output in cell["outputs"]}
    assert "error" not in kinds
    assert any("image/png" in output.get("data", {}) for cell in CODE for output in cell["outputs"])
