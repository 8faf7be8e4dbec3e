"""``docs/files.md`` describes exactly the fields that real commands write."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.described import undescribed, unwritten

STUDY = "nasbench201-fashion_mini"


def test_every_field_of_a_study_is_described_and_no_other(evaluated_study: Path) -> None:
    assert undescribed(evaluated_study / STUDY) == set()
    assert unwritten(evaluated_study / STUDY) == set()


def test_a_field_that_is_missing_on_either_side_is_found(evaluated_study: Path, tmp_path: Path) -> None:
    source = evaluated_study / STUDY / "landmarks" / "manifest.json"
    manifest = json.loads(source.read_text())
    manifest["new"] = {"field": 1}
    del manifest["splits"]["pool"]
    (tmp_path / "landmarks").mkdir()
    (tmp_path / "landmarks" / "manifest.json").write_text(json.dumps(manifest))
    shutil.copy(source.parent / "pool.csv", tmp_path / "landmarks" / "unknown.csv")
    names = {field for _, field in undescribed(tmp_path)}
    assert names == {"new.field"} | set((source.parent / "pool.csv").read_text().split("\n")[0].split(","))
    assert [pattern.replace("\\", "") for _, pattern in unwritten(tmp_path)] == ["splits.pool"]
