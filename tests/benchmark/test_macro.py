from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lmreg.benchmark.base import Imported
from lmreg.benchmark.macro import Config, MacroFile
from lmreg.errors import LmregError


def read(path: Path) -> Imported:
    return MacroFile(Config()).read(path)


def entry(**changes: Any) -> dict[str, Any]:
    """The published figures of architecture 22212202."""
    accs = {"test_acc": [93.0, 93.1, 93.29], "mean_acc": 93.13000000000001, "std": 0.12027745701779}
    return accs | {"params": 3010554, "flops": 118024192} | changes


def test_the_real_table_comes_back_from_its_json(real_data: Path, tmp_path: Path) -> None:
    table = pd.read_csv(real_data / "nasbench_macro.csv", dtype={"arch": str})
    seeds = [f"test_acc_seed{seed}" for seed in range(3)]
    published = {
        row["arch"]: {
            "test_acc": [row[seed] for seed in seeds],
            "mean_acc": sum(row[seed] for seed in seeds) / 3,
            "std": pd.Series([row[seed] for seed in seeds]).std(ddof=0),
            "params": row["params"],
            "flops": row["flops"],
        }
        for row in reversed(table.to_dict("records"))
    }
    (tmp_path / "file.json").write_text(json.dumps(published))
    imported = read(tmp_path / "file.json")
    pd.testing.assert_frame_equal(imported.table, table, rtol=0, atol=1.1e-4)
    assert imported.notes == ()


def test_a_part_of_the_space_is_told(tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text(json.dumps({"22212202": entry(), "00212202": entry()}))
    imported = read(tmp_path / "file.json")
    assert imported.table["arch"].tolist() == ["00212202", "22212202"]
    assert imported.table["std_acc"].tolist() == [0.1203, 0.1203]
    assert imported.notes == ("the published benchmark has 6,561 networks, this file 2",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"22212202": {"test_acc": [93.0', "is not a whole JSON file .*; download it again"),
        ("[1, 2]", "is not NAS-Bench-Macro's JSON object"),
        ("{}", "is not NAS-Bench-Macro's JSON object"),
        (json.dumps({"22212203": entry()}), "'22212203' is not a NAS-Bench-Macro architecture"),
        (json.dumps({"22212202": 5}), "architecture '22212202': expected test_acc"),
        (json.dumps({"22212202": entry(test_acc=93.0)}), "architecture '22212202': expected test_acc"),
        (json.dumps({"22212202": entry(test_acc=[])}), "mean_acc is 93.13, which is not the mean of"),
        (json.dumps({"22212202": entry(mean_acc=0.93)}), "mean_acc is 0.93, which is not the mean of"),
    ],
)
def test_other_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "file.json").write_text(text)
    with pytest.raises(LmregError, match=f"file.json.*{message}"):
        read(tmp_path / "file.json")


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "file.json").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(LmregError, match="is not a whole JSON file"):
        read(tmp_path / "file.json")
    with pytest.raises(LmregError, match=r"can't read .*nothing.json: No such file"):
        read(tmp_path / "nothing.json")
