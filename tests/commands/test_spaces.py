"""Every stage for the spaces that are chains of layers, each with its own network."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import InProcess

from lmreg.data.base import InputShape
from lmreg.network.base import count_params
from lmreg.network.macro import Config, NASBenchMacroNetwork
from lmreg.space.macro import NASBenchMacro
from lmreg.space.mbconv import Config as MBConvConfig
from lmreg.space.mbconv import MBConv

SHORT = (
    *("trainer.steps=10", "trainer.batch_size=16", "strategy.budget=4", "network.channels=2", "log_every=5"),
    "scoring.images=64",
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some architectures with their number of parameters, which serves as truth without training."""
    space = NASBenchMacro()
    net = NASBenchMacroNetwork(Config(channels=2), space, InputShape(1, 12, 12), outputs=10)
    archs = list(space.enumerate())[:2000:45]
    params = [count_params(net.standalone(arch)) for arch in archs]
    path = tmp_path_factory.mktemp("table") / "macro.csv"
    pd.DataFrame({"arch": [space.format(a) for a in archs], "size": params}).to_csv(path, index=False)
    return path


@pytest.mark.slow  # the pages of docs/ have its commands
def test_every_stage_for_a_chain(in_process: InProcess, tmp_path: Path, table: Path) -> None:
    where = ("space=macro", f"root={tmp_path}")
    given = ("landmarks=table", f"landmarks.path={table}", "landmarks.score_column=size")
    code, _, errors = in_process("train-landmarks", *where, *given, "landmarks.count=5", "landmarks.pool=8")
    assert code == 0, errors
    code, _, errors = in_process("search", "-m", *where, *SHORT, "algo=spos,gdas")
    assert code == 0, errors
    code, _, errors = in_process("evaluate", *where, "bootstrap=100")
    assert code == 0, errors
    code, _, errors = in_process("report", *where)
    assert code == 0, errors

    folder, by_text = tmp_path / "macro-fashion_mini", pd.read_csv(table, dtype={"arch": str})
    runs = sorted(path.name for path in (folder / "search").iterdir() if path.is_dir())
    assert [run.partition("-network")[0] for run in runs] == [
        "gdas-landmark",
        "spos-landmark",
    ]
    for run in runs:
        ranking = pd.read_csv(folder / "evaluate" / f"ranking-{run}.csv", dtype={"arch": str})
        joined = ranking.merge(by_text, on="arch")
        assert len(joined) == 8
        assert (joined["truth_size"] == joined["size"]).all()
        candidates = pd.read_csv(folder / "search" / run / "candidates.csv", dtype={"arch": str})
        assert candidates["arch"].str.fullmatch("[012]{8}").all()
    assert "mb6_k5" in (folder / "report" / "index.html").read_text()


def test_blocks_are_searched_within_limits(in_process: InProcess, tmp_path: Path) -> None:
    """MBConv: trained landmarks, a search by paths and one by mixtures, evaluation and report."""
    where = ("space=mbconv", f"root={tmp_path}")
    small = ("network.channels=4", "network.widths=[4,6,6]", "network.head=10", "space.depths=[1,2,2]")
    seeds = ("landmarks.seeds=1", "landmarks.pool_seeds=1")
    trained = ("landmarks.count=3", "landmarks.pool=4", *seeds, "workers=1", "trainer.steps=4")
    search = (
        "strategy.budget=4",
        "strategy.max_params=5000",
        "strategy.max_macs=65000",
        "scoring.images=64",
    )
    for command, *options in (
        ("train-landmarks", *where, *small, *trained, "selector=coverage", "selector.candidates=20"),
        (
            "search",
            "-m",
            *where,
            *small,
            *search,
            "trainer.steps=8",
            "trainer.batch_size=16",
            "log_every=4",
            "algo=spos,darts",
        ),
        ("evaluate", *where, "bootstrap=100"),
        ("report", *where),
    ):
        code, _, errors = in_process(command, *options)
        assert code == 0, errors

    folder, space = tmp_path / "mbconv-fashion_mini", MBConv(MBConvConfig(depths=[1, 2, 2]))
    runs = sorted(path for path in (folder / "search").iterdir() if path.is_dir())
    assert [run.name.partition("-")[0] for run in runs] == ["darts", "spos"]
    for run in runs:
        candidates = pd.read_csv(run / "candidates.csv")
        assert len({space.canonical(space.parse(text)) for text in candidates["arch"]}) == len(candidates) > 0
        assert candidates["params"].max() <= 5000
        assert candidates["macs"].max() <= 65_000
        assert len(pd.read_csv(folder / "evaluate" / f"ranking-{run.name}.csv")) == 4
    assert "mb6_k7" in (folder / "report" / "index.html").read_text()
