"""A tiny study that has been searched and evaluated, for reports about it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.conftest import Compose

from lmreg.commands.report import ReportOptions
from lmreg.config.build import top_level
from lmreg.report.sources import Sources

STUDY = "nasbench201-fashion_mini"


@pytest.fixture
def evaluated(evaluated_study: Path, tmp_path: Path) -> Path:
    """The root folder of a copy, free to be modified."""
    shutil.copytree(evaluated_study, tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def sources(evaluated_study: Path, composed: Compose) -> Sources:
    return Sources.load(top_level(composed("report", f"root={evaluated_study}"), ReportOptions))
