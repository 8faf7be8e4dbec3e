from __future__ import annotations

import bz2
import gzip
import io
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from lmreg.config.paths import conf_dir
from lmreg.errors import LmregError
from lmreg.landmarks.base import Scored
from lmreg.landmarks.table import Config, TableSource
from lmreg.selector.base import Selector
from lmreg.selector.random import Config as RandomConfig
from lmreg.selector.random import RandomSelector
from lmreg.selector.spaced import Config as SpacedConfig
from lmreg.selector.spaced import SpacedSelector
from lmreg.space.nasbench201 import NASBench201
from lmreg.study import Options, Study
from lmreg.truth import Truth

DIRECT = "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|"
ISOMORPHIC = "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|"


@pytest.fixture(scope="module")
def study() -> Study:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return Study(compose("train_landmarks", ["landmarks=table"]), Options())


@pytest.fixture(scope="module")
def whole(space: NASBench201) -> pd.DataFrame:
    archs, rng = list(space.enumerate())[::47], np.random.default_rng(0)
    return pd.DataFrame(
        {
            "cell": [space.format(a) for a in archs],
            "valid": rng.uniform(10, 90, len(archs)),
            "test": rng.uniform(10, 90, len(archs)),
        }
    )


@pytest.fixture
def table(whole: pd.DataFrame) -> pd.DataFrame:
    return whole.copy()


def config(path: Path, **options: object) -> Config:
    given = {"arch_column": "cell", "score_column": "valid", "pool_column": "test", "count": 5, "pool": 9}
    return Config(path=str(path), **given | options)  # type: ignore[arg-type]


def gather(study: Study, source: TableSource, selector: Selector | None = None) -> Scored:
    return source.gather(study, selector or RandomSelector(RandomConfig()), Path("unused"), workers=1)


def save(path: Path, study: Study, source: TableSource, selector: Selector | None = None) -> Truth:
    scored = gather(study, source, selector)
    about = source.origin(study) | scored.about
    Truth.save(path, study.space, scored.tables, scored.columns, scored.higher_is_better, about)
    return Truth.load(path, study.space)


def test_landmarks_and_pool_have_the_tables_scores(tmp_path: Path, study: Study, table: pd.DataFrame) -> None:
    table.to_csv(tmp_path / "t.csv", index=False)
    truth = save(tmp_path / "out", study, TableSource(config(tmp_path / "t.csv")))
    by_text = table.set_index("cell")
    for members, column, count in ((truth.landmarks, "valid", 5), (truth.pool, "test", 9)):
        assert len(members.archs) == count
        expected = [by_text.loc[study.space.format(a), column] for a in members.archs]
        assert members.scores.tolist() == expected == sorted(expected, reverse=True)
    keys = [study.space.canonical(a) for a in (*truth.landmarks.archs, *truth.pool.archs)]
    assert len(set(keys)) == 14
    assert truth.manifest["source"] == "table"


def test_same_seed_same_draw_and_more_keeps_the_first(
    tmp_path: Path, study: Study, table: pd.DataFrame
) -> None:
    table.to_csv(tmp_path / "t.csv", index=False)
    few, again, more = (
        save(tmp_path / name, study, TableSource(config(tmp_path / "t.csv", count=count)))
        for name, count in (("a", 5), ("b", 5), ("c", 8))
    )
    assert few.landmarks.archs == again.landmarks.archs
    assert set(few.landmarks.archs) < set(more.landmarks.archs)


def test_losses_are_better_when_lower(tmp_path: Path, study: Study, table: pd.DataFrame) -> None:
    table.to_csv(tmp_path / "t.csv", index=False)
    truth = save(tmp_path / "out", study, TableSource(config(tmp_path / "t.csv", higher_is_better=False)))
    assert truth.landmarks.scores.tolist() == sorted(truth.landmarks.scores)


def of_loss(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {"cell": table["cell"], "val_loss": table["valid"], "test_acc": 100 - table["valid"] / 2}
    )


def test_each_column_has_its_own_direction(
    tmp_path: Path, study: Study, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    of_loss(table).to_csv(tmp_path / "t.csv", index=False)
    columns = {"score_column": "val_loss", "pool_column": "test_acc"}
    truth = save(tmp_path / "out", study, TableSource(config(tmp_path / "t.csv", **columns)))
    assert (truth.landmarks.better_sign, truth.pool.better_sign) == (-1, 1)
    assert truth.landmarks.scores.tolist() == sorted(truth.landmarks.scores)
    assert truth.pool.scores.tolist() == sorted(truth.pool.scores, reverse=True)
    roles = [truth.manifest[role]["higher_is_better"] for role in ("landmarks", "pool")]
    assert roles == [False, True]
    said = capsys.readouterr().out
    assert "t.csv: val_loss: lower is better (by its name)\n" in said
    assert "t.csv: test_acc: higher is better (by its name)\n" in said


def test_columns_that_disagree_are_refused(
    tmp_path: Path, study: Study, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    renamed = of_loss(table).rename(columns={"val_loss": "v", "test_acc": "t"})
    renamed.to_csv(tmp_path / "t.csv", index=False)
    columns = {"score_column": "v", "pool_column": "t"}
    told = (
        "opposite ways .*-1.00 over the 333 rows .* landmarks.score_lower_is_better=true or "
        "landmarks.pool_lower_is_better=true"
    )
    with pytest.raises(LmregError, match=told):
        gather(study, TableSource(config(tmp_path / "t.csv", **columns)))
    for options in ({"higher_is_better": True}, {"higher_is_better": False}, {"pool_lower_is_better": False}):
        source = TableSource(config(tmp_path / "t.csv", **columns, **options))
        with pytest.raises(LmregError, match="in opposite ways"):
            gather(study, source)
    right = config(tmp_path / "t.csv", score_lower_is_better=True, **columns)
    truth = save(tmp_path / "out", study, TableSource(right))
    assert (truth.landmarks.better_sign, truth.pool.better_sign) == (-1, 1)
    capsys.readouterr()
    meant = config(tmp_path / "t.csv", score_lower_is_better=False, pool_lower_is_better=False, **columns)
    gather(study, TableSource(meant))  # both given: said, and done
    assert "Note: " in capsys.readouterr().out


def test_options_that_contradict_each_other_are_refused(
    tmp_path: Path, study: Study, table: pd.DataFrame
) -> None:
    table.to_csv(tmp_path / "t.csv", index=False)
    options: list[tuple[dict[str, Any], str]] = [
        ({"higher_is_better": True, "pool_lower_is_better": True}, "is for both columns: leave it out"),
        (
            {"pool_column": None, "score_lower_is_better": True, "pool_lower_is_better": False},
            "differ, but 'valid' is the column of both",
        ),
    ]
    for given, says in options:
        with pytest.raises(LmregError, match=says):
            gather(study, TableSource(config(tmp_path / "t.csv", **given)))
    one = config(tmp_path / "t.csv", pool_column=None, score_lower_is_better=True)
    assert gather(study, TableSource(one)).higher_is_better == {"landmarks": False, "pool": False}


def test_rows_of_one_network_with_different_scores_are_told(
    tmp_path: Path, study: Study, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = table["cell"].map(lambda text: study.space.canonical(study.space.parse(text)))
    distinct = table[~keys.duplicated() & (keys != study.space.canonical(study.space.parse(DIRECT)))]
    two = pd.DataFrame({"cell": [DIRECT, ISOMORPHIC], "valid": [10.0, 90.5], "test": [20.0, 20.0]})
    pd.concat([distinct, two]).to_csv(tmp_path / "t.csv", index=False)
    gather(study, TableSource(config(tmp_path / "t.csv")))
    rows = len(distinct)
    assert (
        f"2 of {rows + 2} rows are of a network that another row has too, with another score "
        f"(column 'valid', rows {rows + 2} and {rows + 3}: 10 and 90.5)"
    ) in capsys.readouterr().out
    distinct.to_csv(tmp_path / "t.csv", index=False)
    gather(study, TableSource(config(tmp_path / "t.csv")))
    assert "another row has too" not in capsys.readouterr().out


def test_rows_without_a_score_are_passed_over_and_counted(
    tmp_path: Path, study: Study, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    table["valid"] = table["valid"].astype(object)
    table.loc[20:, "valid"] = np.nan
    table.loc[0:3, "valid"] = ["inf", "-inf", "N/A", "null"]
    table.to_csv(tmp_path / "t.csv", index=False)
    truth = save(tmp_path / "out", study, TableSource(config(tmp_path / "t.csv")))
    assert np.isfinite(truth.landmarks.scores).all()
    assert truth.manifest["table_rows_without_score"] == {"landmarks": len(table) - 16, "pool": 0}
    said = capsys.readouterr().out
    assert f"{tmp_path}/t.csv: 317 of 333 rows have no finite score in 'valid'; passed over\n" in said
    assert "no finite score in 'test'" not in said


def test_parquet_gives_what_csv_gives(tmp_path: Path, study: Study, table: pd.DataFrame) -> None:
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_csv(tmp_path / "t.csv.gz", index=False)
    table["more"] = [[1, 2]] * len(table)  # what isn't asked for may be anything
    table.index = pd.Index(range(5, 5 + len(table)), name="old")
    table.to_parquet(tmp_path / "t.parquet")
    csv, gz, parquet = (
        save(tmp_path / f"out-{name}", study, TableSource(config(tmp_path / name)))
        for name in ("t.csv", "t.csv.gz", "t.parquet")
    )
    assert csv.landmarks.hash == gz.landmarks.hash == parquet.landmarks.hash
    assert csv.pool.hash == gz.pool.hash == parquet.pool.hash


@pytest.mark.parametrize(
    "write",
    [
        lambda t: "\ufeff" + t,  # as spreadsheets save UTF-8
        lambda t: t.replace("\n", "\r\n"),
        lambda t: t.replace("cell,valid,test", " cell , valid, test").replace(",", ", "),
        lambda t: t.replace("\n", "\n\n", 30) + "\n,,\n",
        lambda t: t.rstrip("\n"),
    ],
    ids=["byte order mark", "Windows lines", "spaces", "blank lines", "no last newline"],
)
def test_ways_to_write_the_same_table(
    tmp_path: Path, study: Study, table: pd.DataFrame, write: Callable[[str], str]
) -> None:
    text = table.to_csv(index=False)
    (tmp_path / "plain.csv").write_bytes(text.encode())
    (tmp_path / "other.csv").write_bytes(write(text).encode())
    plain, other = (
        save(tmp_path / name, study, TableSource(config(tmp_path / f"{name}.csv")))
        for name in ("plain", "other")
    )
    assert (plain.landmarks.hash, plain.pool.hash) == (other.landmarks.hash, other.pool.hash)


def test_isomorphic_rows_may_differ_in_score(tmp_path: Path, study: Study, table: pd.DataFrame) -> None:
    """Stand-alone trainings of one network in two forms do; only one of the two is ever drawn."""
    two = pd.DataFrame({"cell": [DIRECT, ISOMORPHIC], "valid": [10.0, 90.0], "test": [10.0, 90.0]})
    keys = table["cell"].map(lambda text: study.space.canonical(study.space.parse(text)))
    few = table[~keys.duplicated() & (keys != study.space.canonical(study.space.parse(DIRECT)))].iloc[:13]
    pd.concat([two, few]).to_csv(tmp_path / "t.csv", index=False)
    truth = save(tmp_path / "out", study, TableSource(config(tmp_path / "t.csv")))
    drawn = {study.space.format(arch) for arch in (*truth.landmarks.archs, *truth.pool.archs)}
    assert len(drawn) == 14
    assert len(drawn & {DIRECT, ISOMORPHIC}) <= 1
    pd.concat([two, few.iloc[:12]]).to_csv(tmp_path / "t.csv", index=False)  # 14 rows, 13 networks
    with pytest.raises(LmregError, match=r"only 8 were left; lower landmarks.count \(now 5\)"):
        gather(study, TableSource(config(tmp_path / "t.csv")))


def test_spaced_landmarks_of_a_table(tmp_path: Path, study: Study, table: pd.DataFrame) -> None:
    table.loc[:99, "valid"] = np.nan
    table.to_csv(tmp_path / "t.csv", index=False)
    source, spaced = TableSource(config(tmp_path / "t.csv")), SpacedSelector(SpacedConfig(min_distance=4))
    truth = save(tmp_path / "out", study, source, spaced)
    pairs = combinations(truth.landmarks.archs, 2)
    assert min(study.space.distance(a, b) for a, b in pairs) >= 4
    scored = set(table["cell"][100:])
    assert all(study.space.format(arch) in scored for arch in truth.landmarks.archs)


def cells(column: str, row: int, value: object) -> Callable[[pd.DataFrame], str]:
    """The table with another value in one cell, the row numbered as a spreadsheet does."""

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
    "percent sign": (cells("valid", 3, "93.5%"), "'93.5%' is not a number; leave the sign % out"),
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
        "row 8, column 'cell': .* stands in row 3 already",
    ),
    "twice, with a space": (
        lambda t: cells("cell", 8, t["cell"][1] + " ")(t),
        "row 8, column 'cell': .* stands in row 3 already",
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
    "semicolons": (
        lambda t: t.to_csv(index=False, sep=";"),
        "is separated by semicolons; save it with commas",
    ),
    "semicolons and decimal commas": (
        lambda t: t.to_csv(index=False, sep=";", decimal=","),
        "is separated by semicolons; save it with commas",
    ),
    "tabs": (lambda t: t.to_csv(index=False, sep="\t"), "is separated by tabs; save it with commas"),
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
        "column 'valid' has fractions (up to 0.89.*), column 'test' percent (up to 89.*); bring both to one",
    ),
    "percent beside fractions": (
        lambda t: t.assign(test=t["valid"] / 101).to_csv(index=False),
        "column 'test' has fractions (up to 0.8.*), column 'valid' percent",
    ),
    "one value": (
        lambda t: t.assign(valid=93.1).to_csv(index=False),
        "column 'valid': all 333 values are 93.1, which orders nothing",
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
    "a workbook": (lambda t: b"PK\3\4" + bytes(100), "t.csv is no table but an Excel workbook or a ZIP"),
    "bzip2": (lambda t: bz2.compress(t.to_csv().encode()), "is no table but compressed by bzip2"),
    "a web page": (lambda t: "<!DOCTYPE html><html></html>", "is no table but a web page or XML"),
    "JSON": (lambda t: t.to_json(orient="records"), "is no table but JSON"),
    "JSON lines": (lambda t: "\ufeff" + t.to_json(orient="records", lines=True), "is no table but JSON"),
    "a pointer of Git LFS": (
        lambda t: "version https://git-lfs.github.com/spec/v1\noid sha256:abc\n",
        "is no table but a pointer to a file of Git LFS, which 'git lfs pull' fetches",
    ),
    "junk": (lambda t: bytes(range(256)) * 20, "is neither a Parquet file nor UTF-8 text; save it as CSV"),
    "zeros": (lambda t: bytes(1000), "is neither a Parquet file nor UTF-8 text"),
    "UTF-16": (lambda t: t.to_csv(index=False).encode("utf-16"), "is neither a Parquet file nor UTF-8 text"),
    "torn gzip": (lambda t: gzip.compress(t.to_csv().encode())[:-50], "can't read .*t.csv: "),
    "torn Parquet": (lambda t: parquet(t)[:-20], "is not a whole Parquet file: "),
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
def test_a_bad_table_is_refused(tmp_path: Path, study: Study, table: pd.DataFrame, kind: str) -> None:
    spoil, message = BAD[kind]
    content = spoil(table)
    (tmp_path / "t.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    pattern = ".*".join(re.escape(part) for part in message.rstrip("$").split(".*"))
    with pytest.raises(LmregError, match=pattern + "$" * message.endswith("$")) as error:
        gather(study, TableSource(config(tmp_path / "t.csv")))
    assert str(tmp_path / "t.csv") in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        (0.01, "column 'acc_percent': the largest value is 0.89.*: these are fractions, not percent"),
        (10, "row 2, column 'acc_percent': .* is no percentage between 0 and 100"),
        (-1, "row 2, column 'acc_percent': -.* is no percentage between 0 and 100"),
    ],
)
def test_percent_must_be_percent(
    tmp_path: Path, study: Study, table: pd.DataFrame, factor: float, message: str
) -> None:
    table["acc_percent"] = table["test"].clip(lower=20) * factor
    table.to_csv(tmp_path / "t.csv", index=False)
    source = TableSource(config(tmp_path / "t.csv", score_column="acc_percent", pool_column=None))
    with pytest.raises(LmregError, match=message):
        gather(study, source)


@pytest.mark.parametrize(("valid", "test"), [(0.9, 1.2), (0.01, 0.011), (1, 250), (0.5, 5)])
def test_scales_that_may_well_be_meant_are_taken(
    tmp_path: Path, study: Study, table: pd.DataFrame, valid: float, test: float
) -> None:
    """Losses around 1, fractions in both columns, a score that is no percentage, different measures."""
    unit = np.linspace(0.1, 1, len(table))
    table.assign(valid=valid * unit, test=test * unit).to_csv(tmp_path / "t.csv", index=False)
    gather(study, TableSource(config(tmp_path / "t.csv")))


def test_no_table_to_read(tmp_path: Path, study: Study, table: pd.DataFrame) -> None:
    with pytest.raises(LmregError, match=r"can't read .*none\.csv: No such file"):
        gather(study, TableSource(config(tmp_path / "none.csv")))
    with pytest.raises(LmregError, match=r"can't read .*: Is a directory"):
        gather(study, TableSource(config(tmp_path)))
    with pytest.raises(LmregError, match=r"needs landmarks\.path"):
        gather(study, TableSource(Config()))
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(LmregError, match="column 'cell' can't be both architectures and scores"):
        gather(study, TableSource(config(tmp_path / "t.csv", score_column="cell")))


def test_the_real_table(tmp_path: Path, study: Study, real_data: Path) -> None:
    source = TableSource(
        Config(
            path=str(real_data / "nasbench201_half.csv"),
            score_column="cifar10_valid_acc_percent",
            pool_column="cifar10_test_acc_percent",
        )
    )
    truth = save(tmp_path, study, source)
    assert (len(truth.landmarks.archs), len(truth.pool.archs)) == (30, 600)
    assert truth.pool.column == "cifar10_test_acc_percent"
    assert truth.pool.scores.max() < 94.4


@pytest.mark.parametrize("value", [-1, 1e30, 100.5])
def test_an_accuracy_is_between_0_and_100(
    tmp_path: Path, study: Study, table: pd.DataFrame, value: float
) -> None:
    table = table.rename(columns={"test": "test_acc"})
    (tmp_path / "t.csv").write_text(cells("test_acc", 5, value)(table))
    with pytest.raises(
        LmregError, match=r"t.csv, row 5, column 'test_acc': .* is no accuracy between 0 and 100"
    ):
        gather(study, TableSource(config(tmp_path / "t.csv", pool_column="test_acc")))


def test_fractions_among_percent_are_told(
    tmp_path: Path, study: Study, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    table["test"] = table["test"].where(table.index >= 7, table["test"] / 100)
    table.to_csv(tmp_path / "t.csv", index=False)
    gather(study, TableSource(config(tmp_path / "t.csv")))
    said = capsys.readouterr().out
    assert f"Note: {tmp_path}/t.csv, column 'test': 7 values are at most 1 (row 2: 0." in said
    assert "column 'valid'" not in said.replace("(column 'valid'", "")


def test_names_of_a_parquet_file_are_read_without_spaces_around_them(
    tmp_path: Path, study: Study, table: pd.DataFrame
) -> None:
    table.rename(columns={"valid": " valid "}).to_parquet(tmp_path / "t.parquet")
    assert len(gather(study, TableSource(config(tmp_path / "t.parquet"))).tables["landmarks"]) == 5


def test_scores_by_seed_tell_how_well_the_truth_repeats(
    tmp_path: Path, study: Study, table: pd.DataFrame, rng: np.random.Generator
) -> None:
    seeds = table["test"].to_numpy()[:, None] + rng.normal(size=(len(table), 3))
    names = ["first", "second", "third"]
    table[names] = seeds
    table["test"] = seeds.mean(1).round(4)
    path = tmp_path / "t.csv"
    table.to_csv(path, index=False)
    given = config(path, pool_seed_columns=names)
    pool = save(tmp_path / "out", study, TableSource(given)).pool
    by_text = table.set_index("cell").loc[[study.space.format(arch) for arch in pool.archs]]
    assert pool.by_seed == pytest.approx(by_text[names].to_numpy())
    assert pool.errors == pytest.approx(by_text[names].std(axis=1) / np.sqrt(3))
    landmarks = Truth.load(tmp_path / "out", study.space).landmarks
    assert np.isnan(landmarks.errors).all()

    def told(**options: object) -> str:
        with pytest.raises(LmregError) as error:
            gather(study, TableSource(config(path, **options)))
        return str(error.value)

    assert "pool_seed_columns=first: name two columns or more" in told(pool_seed_columns=["first"])
    assert "'valid' is not the mean of landmarks.pool_seed_columns: in one row it is" in told(
        pool_seed_columns=names, pool_column="valid"
    )
    assert "has no column 'fourth'; set landmarks.pool_seed_columns[1]" in told(
        pool_seed_columns=["first", "fourth"]
    )
    table.loc[::2, "third"] = np.nan  # not every architecture has all
    table.to_csv(path, index=False)
    some = save(tmp_path / "some", study, TableSource(given)).pool
    assert some.by_seed is not None
    assert np.isnan(some.by_seed[:, 2]).any()
    assert np.isfinite(some.errors).all()
