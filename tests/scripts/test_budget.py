"""The study of budgets, on a few real cells of NAS-Bench-201 and two scores at initialisation."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import ROOT


def test_regret_by_trainings(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts" / "study"))
    import budget

    table, columns = (
        real_data / "nasbench201_half.csv",
        ["cifar10_valid_acc_percent", "cifar10_test_acc_percent"],
    )
    options = [
        "repetitions=3",
        "proxies.archs=40",
        "proxies.use=[params,macs]",
        "proxies.beside=[]",
        "proxies.workers=1",
    ]
    given = [str(table), *columns, str(tmp_path / "found"), f"root={tmp_path}", *options]
    monkeypatch.setattr(sys, "argv", ["budget.py", *given])
    budget.main()

    rows = pd.read_csv(tmp_path / "found.csv")
    assert len(rows) == 3 * 2 * (len(budget.POLICIES) + 1)
    regret = rows.set_index(["score", "policy", "repetition"])[["10", "15", "20"]]
    assert (regret >= 0).all(axis=None)
    found = regret.loc["valid"]  # more trainings never find worse, and here the last finds all there is
    assert (found["10"] >= found["15"]).all()
    assert (found["15"] >= found["20"]).all()
    assert (found["20"] == 0).all()
    assert (found["10"] > 0).any()
    everything = regret.loc["test"].xs(budget.ALL, level="policy")["20"]
    assert all(
        (some["20"].to_numpy() == everything.to_numpy()).all()
        for _, some in regret.loc["test"].groupby("policy")
    )
    assert "| random search |" in capsys.readouterr().out
    assert (tmp_path / "found.png").stat().st_size > 1000
