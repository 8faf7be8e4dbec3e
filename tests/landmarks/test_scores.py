"""Errors in a user's table name the file, row, column and value."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.landmarks.tabled import config, gather

from lmreg.errors import LmregError
from lmreg.experiment.study import Study
from lmreg.landmarks.table import Config, TableSource


def cells(column: str, row: int, value: object) -> Callable[[pd.DataFrame], str]:
    """Return the table with another value in one cell, whose row is numbered as in a spreadsheet."""

    def spoil(table: pd.DataFrame) -> str:
        table = table.astype({column: object})
        table.loc[row - 2, column] = value
        return table.to_csv(index=False)

    return spoil


def parquet(table: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    table.to_parquet(out)
    return out.getvalue()


Spoil = Callable[[pd.DataFrame], "str | bytes"]
BAD: dict[str, tuple[Spoil, str]] = {
    "word": (cells("valid", 7, "high"), "row 7, column 'valid': 'high' is not a number"),
    "word in the pool's column": (cells("test", 9, "n.b."), "row 9, column 'test': 'n.b.' is not a number"),
    "decimal comma": (
        cells("valid", 3, "93,5"),
        "row 3, column 'valid': '93,5' is not a number; write a point",
    ),
    "percent sign": (cells("valid", 3, "93.5%"), "'93.5%' is not a number; leave out the % sign"),
    "digit groups": (cells("valid", 3, "9_3"), "row 3, column 'valid': '9_3' is not a number"),
    "true": (
        lambda t: t.assign(valid=True).to_csv(index=False),
        "row 2, column 'valid': 'True' is not a number",
    ),
    "date": (cells("valid", 4, "2024-01-01"), "row 4, column 'valid': '2024-01-01' is not a number"),
    "after a blank line": (
        lambda t: cells("valid", 7, "high")(t).replace("\n", "\n\n", 2),
        "row 9, column 'valid': 'high' is not a number",
    ),
    "no number at all": (lambda t: t.assign(valid=np.nan).to_csv(index=False), "'valid' has no finite score"),
    "only infinite": (
        lambda t: t.assign(test=np.inf).to_csv(index=False),
        "column 'test' has no finite score",
    ),
    "unknown architecture": (cells("cell", 4, "resnet"), "row 4, column 'cell': 'resnet' is not a NAS-Bench"),
    "no architecture": (cells("cell", 5, ""), "row 5, column 'cell': '' is not a NAS-Bench-201 cell"),
    "architecture cut off": (
        lambda t: cells("cell", 6, t["cell"][4][:-3])(t),
        "row 6, column 'cell': '|.*' is not a NAS-Bench-201 cell",
    ),
    "twice": (
        lambda t: cells("cell", 8, t["cell"][1])(t),
        "row 8, column 'cell': .* is already in row 3",
    ),
    "twice, with a space": (
        lambda t: cells("cell", 8, t["cell"][1] + " ")(t),
        "row 8, column 'cell': .* is already in row 3",
    ),
    "no column": (
        lambda t: t.drop(columns="valid").to_csv(index=False),
        "has no column 'valid'; set landmarks.score_column to one of: cell, test",
    ),
    "no column of architectures": (
        lambda t: t.rename(columns={"cell": "arch"}).to_csv(index=False),
        "has no column 'cell'; set landmarks.arch_column to one of: arch, valid, test",
    ),
    "many columns": (
        lambda t: t[["cell"]].assign(**{f"c{i}": 1 for i in range(50)}).to_csv(index=False),
        "set landmarks.score_column to one of: cell, c0, .*, c18, ...$",
    ),
    "column twice": (
        lambda t: t.to_csv(index=False).replace("test", "valid", 1),
        "has 2 columns named 'valid'; rename or remove all but one",
    ),
    "thousands": (
        cells("valid", 3, "1,000"),
        "'1,000' is not a number; thousands separators are not read: write 1000, or 1.000 if the comma is",
    ),
    "millions": (cells("valid", 3, "1,000,000.5"), "thousands separators are not read: write 1000000.5$"),
    "semicolons, points and commas": (
        lambda t: t.to_csv(index=False, sep=";").replace(".", ",", 1),
        "row 2, column '.*': '.*,.*' is not a number; write a point",
    ),
    "tabs and decimal commas": (
        lambda t: t.to_csv(index=False, sep="\t", decimal=","),
        "'.*,.*' is not a number; write a point",
    ),
    "more values than columns, with semicolons": (
        lambda t: t.to_csv(index=False, sep=";").replace("~2|;", "~2|;1;", 1),
        "row 2 has 4 values, row 1 has 3$",
    ),
    "bars": (lambda t: t.to_csv(index=False, sep="|", quotechar="'"), "is separated by bars; save it with"),
    "a comment": (
        lambda t: "# measured in May\n" + t.to_csv(index=False),
        "t.csv: row 1 begins with # like a comment, but must name the columns; remove the comment",
    ),
    "a comment with a comma": (
        lambda t: "# cells, scored,\n" + t.to_csv(index=False),
        "has no column 'cell'; .*; row 1 begins with # like a comment, but must name the columns",
    ),
    "Parquet with a null": (
        lambda t: parquet(t.assign(cell=t["cell"].where(t.index != 3))),
        "row 5, column 'cell' is empty; it must be an architecture",
    ),
    "more values than columns": (
        lambda t: t.to_csv(index=False).replace("~2|,", "~2|,1,", 1),
        "row 2 has 4 values, row 1 has 3",
    ),
    "open quote": (lambda t: t.to_csv(index=False).replace("|", '"|', 1), "row 2 opens a quote"),
    "no rows": (lambda t: t.iloc[:0].to_csv(index=False), "has no rows"),
    "empty": (lambda t: "", "t.csv is empty"),
    "blank": (lambda t: "\n \n", "t.csv is empty"),
    "one row": (
        lambda t: t.iloc[:1].to_csv(index=False),
        "rows with a score are 1 for landmarks, 1 for the pool, 1 in all; 14 are needed",
    ),
    "too few rows": (
        lambda t: t.iloc[:8].to_csv(index=False),
        "rows with a score are 8 for landmarks, 8 for the pool, 8 in all; 14 are needed: "
        "lower landmarks.count (now 5) or landmarks.pool (now 9)",
    ),
    "too few with a score": (
        lambda t: t.assign(valid=t["valid"].where(t.index < 4)).to_csv(index=False),
        "rows with a score are 4 for landmarks, 333 for the pool, 333 in all; 14 are needed",
    ),
    "fractions beside percent": (
        lambda t: t.assign(valid=t["test"] / 100).to_csv(index=False),
        "column 'valid' has fractions (up to 0.89.*), column 'test' percent (up to 89.*); convert both",
    ),
    "percent beside fractions": (
        lambda t: t.assign(test=t["valid"] / 101).to_csv(index=False),
        "column 'test' has fractions (up to 0.8.*), column 'valid' percent",
    ),
    "one value": (
        lambda t: t.assign(valid=93.1).to_csv(index=False),
        "column 'valid': all 333 values are 93.1, which gives no order",
    ),
    "a longer name": (
        lambda t: t.rename(columns={"test": "test_acc"}).to_csv(index=False),
        "has no column 'test'; set landmarks.pool_column to one of: cell, valid, test_acc; "
        "did you mean landmarks.pool_column=test_acc?$",
    ),
    "another case": (
        lambda t: t.rename(columns={"valid": "Valid"}).to_csv(index=False),
        "one of: cell, Valid, test; did you mean landmarks.score_column=Valid?$",
    ),
    "no name": (
        lambda t: t.rename(columns={"cell": ""}).to_csv(index=False),
        "has no column 'cell'; set landmarks.arch_column to one of: (no name), valid, test$",
    ),
    "no header": (
        lambda t: t.to_csv(index=False, header=False),
        "one of: .*; row 1 looks like values, but must name the columns$",
    ),
    "spaces": (
        lambda t: t.to_csv(index=False, sep=" "),
        "has no column 'cell'; .* cell valid test; if spaces separate its columns, save it with commas",
    ),
    "a workbook": (lambda t: b"PK\3\4" + bytes(100), "t.csv isn't a table but an Excel workbook or a ZIP"),
    "bzip2": (lambda t: bz2.compress(t.to_csv().encode()), "isn't a table but compressed by bzip2"),
    "a web page": (lambda t: "<!DOCTYPE html><html></html>", "isn't a table but a web page or XML"),
    "JSON": (lambda t: t.to_json(orient="records"), "isn't a table but JSON"),
    "JSON lines": (lambda t: "\ufeff" + t.to_json(orient="records", lines=True), "isn't a table but JSON"),
    "a pointer of Git LFS": (
        lambda t: "version https://git-lfs.github.com/spec/v1\noid sha256:abc\n",
        "isn't a table but a pointer to a file of Git LFS, which 'git lfs pull' fetches",
    ),
    "junk": (lambda t: bytes(range(256)) * 20, "is neither a Parquet file nor UTF-8 text; save it as UTF-8"),
    "Latin-1": (lambda t: t.to_csv().encode() + b"\xe9", "nor UTF-8 text; save it as UTF-8"),
    "zeros": (lambda t: bytes(1000), "is neither a Parquet file nor UTF-8 text"),
    "UTF-16": (lambda t: t.to_csv(index=False).encode("utf-16"), "is neither a Parquet file nor UTF-8 text"),
    "torn gzip": (lambda t: gzip.compress(t.to_csv().encode())[:-50], "can't read .*t.csv: "),
    "torn Parquet": (lambda t: parquet(t)[:-20], "is not a complete Parquet file: "),
    "Parquet without the column": (
        lambda t: parquet(t.drop(columns="valid")),
        "has no column 'valid'; set landmarks.score_column to one of: cell, test",
    ),
    "Parquet of words": (lambda t: parquet(t.assign(valid="high")), "row 2, column 'valid': 'high' is not a"),
    "Parquet of lists": (
        lambda t: parquet(t.assign(valid=[[1.0]] * len(t))),
        "row 2, column 'valid': '[1.]' is",
    ),
    "Parquet of booleans": (
        lambda t: parquet(t.assign(valid=True)),
        "row 2, column 'valid': 'True' is not a",
    ),
    "Parquet without rows": (lambda t: parquet(t.iloc[:0]), "has no rows"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_table_is_refused(tmp_path: Path, table_study: Study, table: pd.DataFrame, kind: str) -> None:
    spoil, message = BAD[kind]
    content = spoil(table)
    (tmp_path / "t.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    pattern = ".*".join(re.escape(part) for part in message.rstrip("$").split(".*"))
    with pytest.raises(LmregError, match=pattern + "$" * message.endswith("$")) as error:
        gather(table_study, TableSource(config(tmp_path / "t.csv")))
    assert str(tmp_path / "t.csv") in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        (0.01, "column 'acc_percent': the largest value is 0.89.*: these are fractions, not percent"),
        (10, "row 2, column 'acc_percent': .* isn't a percentage between 0 and 100"),
        (-1, "row 2, column 'acc_percent': -.* isn't a percentage between 0 and 100"),
    ],
)
def test_percent_must_be_percent(
    tmp_path: Path, table_study: Study, table: pd.DataFrame, factor: float, message: str
) -> None:
    table["acc_percent"] = table["test"].clip(lower=20) * factor
    table.to_csv(tmp_path / "t.csv", index=False)
    source = TableSource(config(tmp_path / "t.csv", score_column="acc_percent", pool_column=None))
    with pytest.raises(LmregError, match=message):
        gather(table_study, source)


@pytest.mark.parametrize(("valid", "test"), [(0.9, 1.2), (0.01, 0.011), (1, 250), (0.5, 5)])
def test_plausible_scales_are_accepted(
    tmp_path: Path, table_study: Study, table: pd.DataFrame, valid: float, test: float
) -> None:
    """Losses around 1, fractions in both columns, a score that isn't a percentage, different measures."""
    unit = np.linspace(0.1, 1, len(table))
    table.assign(valid=valid * unit, test=test * unit).to_csv(tmp_path / "t.csv", index=False)
    gather(table_study, TableSource(config(tmp_path / "t.csv")))


def test_missing_tables_are_reported(tmp_path: Path, table_study: Study, table: pd.DataFrame) -> None:
    with pytest.raises(LmregError, match=r"can't read .*none\.csv: No such file"):
        gather(table_study, TableSource(config(tmp_path / "none.csv")))
    with pytest.raises(LmregError, match=r"can't read .*: Is a directory"):
        gather(table_study, TableSource(config(tmp_path)))
    with pytest.raises(LmregError, match=r"needs landmarks\.path"):
        gather(table_study, TableSource(Config()))
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(LmregError, match="column 'cell' can't be both architectures and scores"):
        gather(table_study, TableSource(config(tmp_path / "t.csv", score_column="cell")))


@pytest.mark.parametrize("value", [-1, 1e30, 100.5])
def test_an_accuracy_is_between_0_and_100(
    tmp_path: Path, table_study: Study, table: pd.DataFrame, value: float
) -> None:
    table = table.rename(columns={"test": "test_acc"})
    (tmp_path / "t.csv").write_text(cells("test_acc", 5, value)(table))
    with pytest.raises(
        LmregError, match=r"t.csv, row 5, column 'test_acc': .* isn't an accuracy between 0 and 100"
    ):
        gather(table_study, TableSource(config(tmp_path / "t.csv", pool_column="test_acc")))


def test_fractions_among_percent_are_noted(
    tmp_path: Path, table_study: Study, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    table["test"] = table["test"].where(table.index >= 7, table["test"] / 100)
    table.to_csv(tmp_path / "t.csv", index=False)
    gather(table_study, TableSource(config(tmp_path / "t.csv")))
    said = capsys.readouterr().out
    assert f"Note: {tmp_path}/t.csv, column 'test': 7 values are at most 1 (row 2: 0." in said
    assert "column 'valid'" not in said.replace("(column 'valid'", "")


def test_names_of_a_parquet_file_are_read_without_spaces_around_them(
    tmp_path: Path, table_study: Study, table: pd.DataFrame
) -> None:
    table.rename(columns={"valid": " valid "}).to_parquet(tmp_path / "t.parquet")
    assert len(gather(table_study, TableSource(config(tmp_path / "t.parquet"))).tables["landmarks"]) == 5


def test_a_pipe_is_refused(tmp_path: Path, table_study: Study) -> None:
    os.mkfifo(tmp_path / "t.csv")
    source = TableSource(config(tmp_path / "t.csv"))
    for read in (lambda: gather(table_study, source), lambda: source.origin(table_study)):
        with pytest.raises(LmregError, match=r"t.csv is a pipe, a socket or a device; pass a file"):
            read()
