from __future__ import annotations

import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.landmarks.tabled import config, gather, save

from lmreg.errors import LmregError
from lmreg.experiment.study import Study
from lmreg.landmarks.table import Config, TableSource
from lmreg.landmarks.truth import Truth
from lmreg.selector.spaced import Config as SpacedConfig
from lmreg.selector.spaced import SpacedSelector

DIRECT = "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|"
ISOMORPHIC = "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|"


def test_landmarks_and_pool_have_the_tables_scores(
    tmp_path: Path, table_study: Study, table: pd.DataFrame
) -> None:
    table.to_csv(tmp_path / "t.csv", index=False)
    truth = save(tmp_path / "out", table_study, TableSource(config(tmp_path / "t.csv")))
    by_text = table.set_index("cell")
    for members, column, count in ((truth.landmarks, "valid", 5), (truth.pool, "test", 9)):
        assert len(members.archs) == count
        expected = [by_text.loc[table_study.space.format(a), column] for a in members.archs]
        assert members.scores.tolist() == expected == sorted(expected, reverse=True)
    keys = [table_study.space.canonical(a) for a in (*truth.landmarks.archs, *truth.pool.archs)]
    assert len(set(keys)) == 14
    assert truth.manifest["source"] == "table"


def test_same_seed_same_draw_and_more_keeps_the_first(
    tmp_path: Path, table_study: Study, table: pd.DataFrame
) -> None:
    table.to_csv(tmp_path / "t.csv", index=False)
    few, again, more = (
        save(tmp_path / name, table_study, TableSource(config(tmp_path / "t.csv", count=count)))
        for name, count in (("a", 5), ("b", 5), ("c", 8))
    )
    assert few.landmarks.archs == again.landmarks.archs
    assert set(few.landmarks.archs) < set(more.landmarks.archs)


def test_losses_are_better_when_lower(tmp_path: Path, table_study: Study, table: pd.DataFrame) -> None:
    table.to_csv(tmp_path / "t.csv", index=False)
    truth = save(
        tmp_path / "out", table_study, TableSource(config(tmp_path / "t.csv", higher_is_better=False))
    )
    assert truth.landmarks.scores.tolist() == sorted(truth.landmarks.scores)


def of_loss(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {"cell": table["cell"], "val_loss": table["valid"], "test_acc": 100 - table["valid"] / 2}
    )


def test_each_column_has_its_own_direction(
    tmp_path: Path, table_study: Study, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    of_loss(table).to_csv(tmp_path / "t.csv", index=False)
    columns = {"score_column": "val_loss", "pool_column": "test_acc"}
    truth = save(tmp_path / "out", table_study, TableSource(config(tmp_path / "t.csv", **columns)))
    assert (truth.landmarks.better_sign, truth.pool.better_sign) == (-1, 1)
    assert truth.landmarks.scores.tolist() == sorted(truth.landmarks.scores)
    assert truth.pool.scores.tolist() == sorted(truth.pool.scores, reverse=True)
    roles = [truth.manifest[role]["higher_is_better"] for role in ("landmarks", "pool")]
    assert roles == [False, True]
    said = capsys.readouterr().out
    assert "t.csv: val_loss: lower is better (by its name)\n" in said
    assert "t.csv: test_acc: higher is better (by its name)\n" in said


def test_a_loss_that_is_never_above_0_is_noted(
    tmp_path: Path, table_study: Study, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    table.assign(loss=-table["valid"]).to_csv(tmp_path / "t.csv", index=False)
    message = (
        "Note: .*: no value of 'loss' is above 0; if it is negated, so that higher is better, "
        "pass landmarks.pool_lower_is_better=false\n"
    )
    for options, times in (({}, 1), ({"score_lower_is_better": True}, 0)):
        gather(
            table_study,
            TableSource(config(tmp_path / "t.csv", score_column="loss", pool_column=None, **options)),
        )
        assert len(re.findall(message, capsys.readouterr().out)) == times


def test_columns_that_disagree_are_refused(
    tmp_path: Path, table_study: Study, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    renamed = of_loss(table).rename(columns={"val_loss": "v", "test_acc": "t"})
    renamed.to_csv(tmp_path / "t.csv", index=False)
    columns = {"score_column": "v", "pool_column": "t"}
    message = (
        "opposite ways .*-1.00 over the 333 rows .* landmarks.score_lower_is_better=true or "
        "landmarks.pool_lower_is_better=true"
    )
    with pytest.raises(LmregError, match=message):
        gather(table_study, TableSource(config(tmp_path / "t.csv", **columns)))
    for options in ({"higher_is_better": True}, {"higher_is_better": False}, {"pool_lower_is_better": False}):
        source = TableSource(config(tmp_path / "t.csv", **columns, **options))
        with pytest.raises(LmregError, match="in opposite ways"):
            gather(table_study, source)
    right = config(tmp_path / "t.csv", score_lower_is_better=True, **columns)
    truth = save(tmp_path / "out", table_study, TableSource(right))
    assert (truth.landmarks.better_sign, truth.pool.better_sign) == (-1, 1)
    capsys.readouterr()
    meant = config(tmp_path / "t.csv", score_lower_is_better=False, pool_lower_is_better=False, **columns)
    gather(table_study, TableSource(meant))  # accepted, as both are given
    assert "Note: " in capsys.readouterr().out


def test_options_that_contradict_each_other_are_refused(
    tmp_path: Path, table_study: Study, table: pd.DataFrame
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
            gather(table_study, TableSource(config(tmp_path / "t.csv", **given)))
    one = config(tmp_path / "t.csv", pool_column=None, score_lower_is_better=True)
    assert gather(table_study, TableSource(one)).higher_is_better == {"landmarks": False, "pool": False}


def test_rows_of_one_network_with_different_scores_are_noted(
    tmp_path: Path, table_study: Study, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = table["cell"].map(lambda text: table_study.space.canonical(table_study.space.parse(text)))
    distinct = table[
        ~keys.duplicated() & (keys != table_study.space.canonical(table_study.space.parse(DIRECT)))
    ]
    two = pd.DataFrame({"cell": [DIRECT, ISOMORPHIC], "valid": [10.0, 90.5], "test": [20.0, 20.0]})
    pd.concat([distinct, two]).to_csv(tmp_path / "t.csv", index=False)
    gather(table_study, TableSource(config(tmp_path / "t.csv")))
    rows = len(distinct)
    assert (
        f"2 of {rows + 2} rows are of a network that another row also has, with a different score "
        f"(column 'valid', rows {rows + 2} and {rows + 3}: 10 and 90.5)"
    ) in capsys.readouterr().out
    distinct.to_csv(tmp_path / "t.csv", index=False)
    gather(table_study, TableSource(config(tmp_path / "t.csv")))
    assert "another row also has" not in capsys.readouterr().out


def test_rows_without_a_score_are_skipped_and_counted(
    tmp_path: Path, table_study: Study, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    table["valid"] = table["valid"].astype(object)
    table.loc[20:, "valid"] = np.nan
    table.loc[0:3, "valid"] = ["inf", "-inf", "N/A", "null"]
    table.to_csv(tmp_path / "t.csv", index=False)
    truth = save(tmp_path / "out", table_study, TableSource(config(tmp_path / "t.csv")))
    assert np.isfinite(truth.landmarks.scores).all()
    assert truth.manifest["table_rows_without_score"] == {"landmarks": len(table) - 16, "pool": 0}
    said = capsys.readouterr().out
    assert f"{tmp_path}/t.csv: 317 of 333 rows have no finite score in 'valid'; skipped\n" in said
    assert "no finite score in 'test'" not in said


def test_parquet_gives_what_csv_gives(tmp_path: Path, table_study: Study, table: pd.DataFrame) -> None:
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_csv(tmp_path / "t.csv.gz", index=False)
    table["more"] = [[1, 2]] * len(table)  # other columns may contain anything
    table.index = pd.Index(range(5, 5 + len(table)), name="old")
    table.to_parquet(tmp_path / "t.parquet")
    csv, gz, parquet = (
        save(tmp_path / f"out-{name}", table_study, TableSource(config(tmp_path / name)))
        for name in ("t.csv", "t.csv.gz", "t.parquet")
    )
    assert csv.landmarks.hash == gz.landmarks.hash == parquet.landmarks.hash
    assert csv.pool.hash == gz.pool.hash == parquet.pool.hash


@pytest.mark.parametrize(
    "write",
    [
        lambda t: "\ufeff" + t,  # as spreadsheets write UTF-8
        lambda t: t.replace("\n", "\r\n"),
        lambda t: t.replace("cell,valid,test", " cell , valid, test").replace(",", ", "),
        lambda t: t.replace("\n", "\n\n", 30) + "\n,,\n",
        lambda t: t.rstrip("\n"),
        lambda t: t.replace(",", ";"),
        lambda t: t.replace(",", ";").replace(".", ","),
        lambda t: t.replace(",", "\t"),
    ],
    ids=[
        *("byte order mark", "Windows lines", "spaces", "blank lines", "no last newline"),
        *("semicolons", "semicolons and decimal commas", "tabs"),
    ],
)
def test_ways_to_write_the_same_table(
    tmp_path: Path, table_study: Study, table: pd.DataFrame, write: Callable[[str], str]
) -> None:
    text = table.to_csv(index=False)
    (tmp_path / "plain.csv").write_bytes(text.encode())
    (tmp_path / "other.csv").write_bytes(write(text).encode())
    plain, other = (
        save(tmp_path / name, table_study, TableSource(config(tmp_path / f"{name}.csv")))
        for name in ("plain", "other")
    )
    assert (plain.landmarks.hash, plain.pool.hash) == (other.landmarks.hash, other.pool.hash)


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs"), (",", None)])
def test_other_separators_than_commas_are_named(
    tmp_path: Path,
    table_study: Study,
    table: pd.DataFrame,
    capsys: pytest.CaptureFixture[str],
    separator: str,
    name: str | None,
) -> None:
    table.to_csv(tmp_path / "t.csv", index=False, sep=separator)
    gather(table_study, TableSource(config(tmp_path / "t.csv")))
    said = capsys.readouterr().out
    assert (f"{tmp_path}/t.csv: read as columns separated by {name}\n" in said) == (name is not None)
    assert ("separated by" in said) == (name is not None)


def test_isomorphic_rows_may_differ_in_score(tmp_path: Path, table_study: Study, table: pd.DataFrame) -> None:
    """Trainings of one network in two forms may differ; only one of the two forms is ever drawn."""
    two = pd.DataFrame({"cell": [DIRECT, ISOMORPHIC], "valid": [10.0, 90.0], "test": [10.0, 90.0]})
    keys = table["cell"].map(lambda text: table_study.space.canonical(table_study.space.parse(text)))
    few = table[
        ~keys.duplicated() & (keys != table_study.space.canonical(table_study.space.parse(DIRECT)))
    ].iloc[:13]
    pd.concat([two, few]).to_csv(tmp_path / "t.csv", index=False)
    truth = save(tmp_path / "out", table_study, TableSource(config(tmp_path / "t.csv")))
    drawn = {table_study.space.format(arch) for arch in (*truth.landmarks.archs, *truth.pool.archs)}
    assert len(drawn) == 14
    assert len(drawn & {DIRECT, ISOMORPHIC}) <= 1
    pd.concat([two, few.iloc[:12]]).to_csv(tmp_path / "t.csv", index=False)  # 14 rows, 13 networks
    with pytest.raises(LmregError, match=r"only 8 were left; lower landmarks.count \(now 5\)"):
        gather(table_study, TableSource(config(tmp_path / "t.csv")))


def test_spaced_landmarks_of_a_table(tmp_path: Path, table_study: Study, table: pd.DataFrame) -> None:
    table.loc[:99, "valid"] = np.nan
    table.to_csv(tmp_path / "t.csv", index=False)
    source, spaced = TableSource(config(tmp_path / "t.csv")), SpacedSelector(SpacedConfig(min_distance=4))
    truth = save(tmp_path / "out", table_study, source, spaced)
    pairs = combinations(truth.landmarks.archs, 2)
    assert min(table_study.space.distance(a, b) for a, b in pairs) >= 4
    scored = set(table["cell"][100:])
    assert all(table_study.space.format(arch) in scored for arch in truth.landmarks.archs)


def test_the_real_table(tmp_path: Path, table_study: Study, real_data: Path) -> None:
    source = TableSource(
        Config(
            path=str(real_data / "nasbench201_half.csv"),
            score_column="cifar10_valid_acc_percent",
            pool_column="cifar10_test_acc_percent",
        )
    )
    truth = save(tmp_path, table_study, source)
    assert (len(truth.landmarks.archs), len(truth.pool.archs)) == (30, 600)
    assert truth.pool.column == "cifar10_test_acc_percent"
    assert truth.pool.scores.max() < 94.4


def test_scores_by_seed_give_standard_errors(
    tmp_path: Path, table_study: Study, table: pd.DataFrame, rng: np.random.Generator
) -> None:
    seeds = table["test"].to_numpy()[:, None] + rng.normal(size=(len(table), 3))
    names = ["first", "second", "third"]
    table[names] = seeds
    table["test"] = seeds.mean(1).round(4)
    path = tmp_path / "t.csv"
    table.to_csv(path, index=False)
    given = config(path, pool_seed_columns=names)
    pool = save(tmp_path / "out", table_study, TableSource(given)).pool
    by_text = table.set_index("cell").loc[[table_study.space.format(arch) for arch in pool.archs]]
    assert pool.by_seed == pytest.approx(by_text[names].to_numpy())
    assert pool.errors == pytest.approx(by_text[names].std(axis=1) / np.sqrt(3))
    landmarks = Truth.load(tmp_path / "out", table_study.space).landmarks
    assert np.isnan(landmarks.errors).all()

    def message(**options: object) -> str:
        with pytest.raises(LmregError) as error:
            gather(table_study, TableSource(config(path, **options)))
        return str(error.value)

    assert "pool_seed_columns=first: list at least two columns" in message(pool_seed_columns=["first"])
    assert "'valid' is not the mean of landmarks.pool_seed_columns: in one row it is" in message(
        pool_seed_columns=names, pool_column="valid"
    )
    assert "has no column 'fourth'; set landmarks.pool_seed_columns[1]" in message(
        pool_seed_columns=["first", "fourth"]
    )
    table["again"], table["mean"] = table["first"], table["test"]
    table.to_csv(path, index=False)
    for columns, says in (
        (["first", "first"], "names 'first' twice"),
        (["test", "test"], "'test' is the mean of the seeds;"),
        ([*names, "test"], "'test' is the mean of the seeds;"),
        ([*names, "mean"], "'mean' is the mean of the seeds, 'test', in every row;"),
        (["first", "second", "again"], "'first' and 'again' are equal in every row;"),
    ):
        assert says in message(pool_seed_columns=columns)
    table.loc[::2, "third"] = np.nan  # not every architecture has every seed
    table.to_csv(path, index=False)
    some = save(tmp_path / "some", table_study, TableSource(given)).pool
    assert some.by_seed is not None
    assert np.isnan(some.by_seed[:, 2]).any()
    assert np.isfinite(some.errors).all()
