"""A space whose architectures are written in digits goes through every stage with its own network."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import TINY_SEARCH, InProcess

from lmreg.data.base import InputShape
from lmreg.network.base import count_params
from lmreg.network.macro import Config, Network
from lmreg.space.macro import NASBenchMacro


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some architectures and their number of parameters, a truth that costs no training."""
    space = NASBenchMacro()
    net = Network(Config(channels=2), space, InputShape(1, 12, 12), outputs=10)
    archs = list(space.enumerate())[:2000:45]
    params = [count_params(net.standalone(arch)) for arch in archs]
    path = tmp_path_factory.mktemp("table") / "macro.csv"
    pd.DataFrame({"arch": [space.format(a) for a in archs], "size": params}).to_csv(path, index=False)
    return path


def test_every_stage_on_chains(in_process: InProcess, tmp_path: Path, table: Path) -> None:
    where = ("space=macro", f"root={tmp_path}")
    given = ("landmarks=table", f"landmarks.path={table}", "landmarks.score_column=size")
    code, _, errors = in_process("train-landmarks", *where, *given, "landmarks.count=5", "landmarks.pool=8")
    assert code == 0, errors
    code, _, errors = in_process("search", "-m", *where, *TINY_SEARCH, "algo=spos,gdas")
    assert code == 0, errors
    code, _, errors = in_process("evaluate", *where, "bootstrap=100")
    assert code == 0, errors
    code, _, errors = in_process("report", *where)
    assert code == 0, errors

    folder, by_text = tmp_path / "macro-fashion_mini", pd.read_csv(table, dtype={"arch": str})
    runs = sorted(path.name for path in (folder / "search").iterdir() if path.is_dir())
    assert [run.partition("-network")[0] for run in runs] == [
        "gdas-landmark-log_every=10",
        "spos-landmark-log_every=10",
    ]
    for run in runs:
        ranking = pd.read_csv(folder / "evaluate" / f"ranking-{run}.csv", dtype={"arch": str})
        joined = ranking.merge(by_text, on="arch")
        assert len(joined) == 8
        assert (joined["truth_size"] == joined["size"]).all()
        candidates = pd.read_csv(folder / "search" / run / "candidates.csv", dtype={"arch": str})
        assert candidates["arch"].str.fullmatch("[012]{8}").all()
    assert "mb6_k5" in (folder / "report" / "index.html").read_text()
