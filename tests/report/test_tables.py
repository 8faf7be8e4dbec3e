from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import Compose

from lmreg.commands.report import ReportOptions
from lmreg.config.build import top_level
from lmreg.errors import LmregError
from lmreg.report.sources import Sources
from lmreg.report.tables import best_architectures


def test_an_invalid_candidate_is_refused_with_its_place(evaluated: Path, composed: Compose) -> None:
    sources = Sources.load(top_level(composed("report", f"root={evaluated}"), ReportOptions))
    spoilt = sources.runs[0].finished.folder / "candidates.csv"
    lines = spoilt.read_text().splitlines()
    lines[1] = "resnet," + lines[1].split(",", 1)[1]
    spoilt.write_text("\n".join(lines))
    sources = Sources.load(top_level(composed("report", f"root={evaluated}"), ReportOptions))
    with pytest.raises(
        LmregError, match=r"/candidates\.csv, row 2, column 'arch': 'resnet' is not a NAS-Ben"
    ):
        best_architectures(sources)
