"""A tiny study, really searched and evaluated, for reports about it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.conftest import TINY_SEARCH, Compose, Lmreg

from lmreg.commands.options import top_level
from lmreg.commands.report import ReportOptions
from lmreg.report.sources import Sources

STUDY = "nasbench201-fashion_mini"


@pytest.fixture(scope="session")
def evaluated_once(tiny_study: Path, lmreg: Lmreg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reported") / "root"
    shutil.copytree(tiny_study, root)
    searched = lmreg("search", "-m", "reg=none,landmark", "seed=0,1", f"root={root}", *TINY_SEARCH)
    assert searched.returncode == 0, searched.stderr
    done = lmreg("evaluate", f"root={root}", "bootstrap=100")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def evaluated(evaluated_once: Path, tmp_path: Path) -> Path:
    """The root of a copy to be spoilt."""
    shutil.copytree(evaluated_once, tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def sources(evaluated_once: Path, composed: Compose) -> Sources:
    return Sources.load(top_level(composed("report", f"root={evaluated_once}"), ReportOptions))
