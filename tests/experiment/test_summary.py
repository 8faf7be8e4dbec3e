from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lmreg.experiment import summary


def test_what_was_read_is_told_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once per process and data set, so once for all jobs of a sweep."""
    monkeypatch.setattr(summary, "_announced", set())
    studies: list[Any] = [
        SimpleNamespace(data=SimpleNamespace(hash=name, description=[f"Read {name}", "Pixels"]))
        for name in "aab"
    ]
    for study in studies:
        summary.announce_data(study.data)
    assert capsys.readouterr().out.splitlines() == ["Read a", "Pixels", "Read b", "Pixels"]
