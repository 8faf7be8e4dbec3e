from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmreg.errors import LmregError
from lmreg.landmarks.table import Config, TableSource
from lmreg.space.nasbench201 import NASBench201
from lmreg.study import Options, Study
from lmreg.truth import Truth


@pytest.fixture
def study(composed) -> Study:  # type: ignore[no-untyped-def]
    return Study(composed("train_landmarks", "landmarks=table"), Options())


@pytest.fixture
def table(space: NASBench201, rng: np.random.Generator) -> pd.DataFrame:
    archs = list(space.enumerate())[::47]
    return pd.DataFrame(
        {
            "cell": [space.format(a) for a in archs],
            "valid": rng.uniform(10, 90, len(archs)),
            "test": rng.uniform(10, 90, len(archs)),
        }
    )


def config(path: Path, **options: object) -> Config:
    given = {"arch_column": "cell", "score_column": "valid", "pool_column": "test", "count": 5, "pool": 9}
    return Config(path=str(path), **given | options)  # type: ignore[arg-type]


def save(path: Path, study: Study, source: TableSource) -> Truth:
    scored = source.gather(study, path, workers=1)
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


def test_rows_without_a_score_are_passed_over(tmp_path: Path, study: Study, table: pd.DataFrame) -> None:
    table.loc[20:, "valid"] = np.nan
    table.to_csv(tmp_path / "t.csv", index=False)
    truth = save(tmp_path / "out", study, TableSource(config(tmp_path / "t.csv")))
    assert np.isfinite(truth.landmarks.scores).all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda t: t.drop(columns="valid"),
            "has no column 'valid'; set landmarks.score_column to one of: cell, test",
        ),
        (lambda t: t.assign(valid="high"), "column 'valid' has values that are not numbers"),
        (lambda t: t.assign(valid=np.nan), "column 'valid' of the table has no finite score"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "row 335: .* stands there twice"),
        (lambda t: t.assign(cell=t["cell"].replace(t["cell"][2], "resnet")), "row 4: 'resnet' is not a NAS"),
        (lambda t: t.iloc[:0], "has no rows"),
        (lambda t: t.iloc[:8], "can't find 9 architectures"),
    ],
)
def test_a_bad_table_is_refused(
    tmp_path: Path, study: Study, table: pd.DataFrame, spoil: object, message: str
) -> None:
    spoil(table).to_csv(tmp_path / "t.csv", index=False)  # type: ignore[operator]
    with pytest.raises(LmregError, match=message):
        TableSource(config(tmp_path / "t.csv")).gather(study, tmp_path, workers=1)


def test_a_missing_table_is_named(tmp_path: Path, study: Study) -> None:
    with pytest.raises(LmregError, match=r"can't read .*none\.csv: No such file"):
        TableSource(config(tmp_path / "none.csv")).gather(study, tmp_path, workers=1)
    with pytest.raises(LmregError, match=r"needs landmarks\.path"):
        TableSource(Config()).gather(study, tmp_path, workers=1)


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
