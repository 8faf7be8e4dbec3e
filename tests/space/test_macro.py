from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import DictConfig

from lmreg.errors import LmregError
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.scores import read_archs, read_score_table
from lmreg.landmarks.table import Config as TableConfig
from lmreg.landmarks.table import TableSource
from lmreg.landmarks.truth import Truth
from lmreg.report.graph_layout import lay_out
from lmreg.selector.random import Config as RandomConfig
from lmreg.selector.random import RandomSelector
from lmreg.space.macro import NASBenchMacro

RESULTS = ["test_acc_seed0", "test_acc_seed1", "test_acc_seed2", "params", "flops"]


@pytest.fixture(scope="module")
def macro() -> NASBenchMacro:
    return NASBenchMacro()


@pytest.fixture(scope="module")
def table(real_data: Path) -> pd.DataFrame:
    return pd.read_csv(real_data / "nasbench_macro.csv", dtype={"arch": str})


def test_text_form_goes_in_and_out(macro: NASBenchMacro) -> None:
    arch = macro.parse(" 02212201\n")
    assert arch.choices == (0, 2, 2, 1, 2, 2, 0, 1)
    assert macro.format(arch) == "02212201"
    assert arch.id == "macro-0.2.2.1.2.2.0.1"
    assert macro.encode(arch).reshape(8, 3).argmax(1).tolist() == list(arch.choices)


def test_numbers_in_files_have_their_leading_zeros_back(macro: NASBenchMacro) -> None:
    assert macro.format(macro.read("12", "here")) == "00000012"
    assert macro.format(macro.read(0, "here")) == "00000000"
    for text in ("", "222122023", "1.0"):
        with pytest.raises(LmregError, match=f"here: '{text}' is not a NAS-Bench-Macro architecture"):
            macro.read(text, "here")


@pytest.mark.parametrize(
    "text", ["", " ", "12", "212202", "222122023", "22212203", "2221220.", "22 12202", "-1", "1.0", "nan"]
)
def test_wrong_text_is_refused(macro: NASBenchMacro, text: str) -> None:
    with pytest.raises(
        LmregError, match=r"not a NAS-Bench-Macro.*0 for identity, 1 for mb3_k3, 2 for mb6_k5"
    ):
        macro.parse(text)


def test_isomorphic_by_hand(macro: NASBenchMacro) -> None:
    def key(text: str) -> str:
        return macro.canonical(macro.parse(text))

    assert key("00000001") == key("00000010") == "00000010"
    assert key("00102201") == key("00120210") == "00120210"  # an identity doesn't leave its stage
    assert key("00000100") != key("00000010")  # the first of a stage is a convolution, not an identity
    assert key("10000000") != key("01000000")
    assert key("00012000") != key("00021000")  # other orders are other networks


def test_the_classes(macro: NASBenchMacro) -> None:
    archs = list(macro.enumerate())
    assert len(archs) == macro.size == 6_561
    keys = [macro.canonical(arch) for arch in archs]
    assert len(set(keys)) == 9 * 21 * 21 == 3_969
    # A key is the text form of one of its class.
    assert all(macro.canonical(macro.parse(key)) == key for key in set(keys))


def test_the_classes_are_the_benchmarks(macro: NASBenchMacro, table: pd.DataFrame) -> None:
    """In the whole table, architectures have the same results exactly if they are of the same class."""
    keys = table["arch"].map(lambda text: macro.canonical(macro.parse(text)))
    both = table[RESULTS].assign(key=keys).drop_duplicates()
    assert len(both) == both["key"].nunique() == len(both[RESULTS].drop_duplicates()) == 3_969


@pytest.mark.parametrize("kind", ["csv", "parquet text", "parquet numbers", "spreadsheet csv"])
def test_the_real_table_keeps_its_leading_zeros(
    macro: NASBenchMacro, table: pd.DataFrame, tmp_path: Path, kind: str
) -> None:
    as_written = table if kind in ("csv", "parquet text") else table.assign(arch=table["arch"].astype(int))
    path = tmp_path / "table"
    as_written.to_parquet(path) if kind.startswith("parquet") else as_written.to_csv(path, index=False)
    columns = {"arch_column": "arch", "score_column": "test_acc_seed0", "pool_column": "mean_acc"}
    scores = read_score_table(path, columns, macro)
    assert [macro.format(arch) for arch in scores.archs] == list(table["arch"])
    np.testing.assert_array_equal(scores.scores["mean_acc"], table["mean_acc"])
    assert read_archs(path, "arch", macro, "table_arch_column") == scores.archs


def test_numbers_that_are_no_architectures_end_in_a_line(macro: NASBenchMacro, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"arch": [1.0, 2.0], "acc": [0.1, 0.2]}).to_parquet(path)
    with pytest.raises(LmregError, match=r"row 2, column 'arch': '1\.0' is not a NAS-Bench-Macro"):
        read_score_table(path, {"arch_column": "arch", "score_column": "acc"}, macro)
    path = tmp_path / "t.csv"
    path.write_text("arch,acc\n00000001,1\n1,2\n")
    with pytest.raises(LmregError, match="row 3, column 'arch': 1 is already in row 2"):
        read_score_table(path, {"arch_column": "arch", "score_column": "acc"}, macro)


def test_it_is_drawn_as_a_chain(macro: NASBenchMacro) -> None:
    (graph,) = macro.graphs(macro.parse("01200000"))
    assert [label for *_, label in graph.edges] == ["identity", "mb3_k3", "mb6_k5"] + ["identity"] * 5
    assert [(a, b) for a, b, _ in graph.edges] == [(i, i + 1) for i in range(8)]
    assert graph.live() == set(range(8))
    drawing = lay_out(graph)
    assert all(edge.x == 0 for edge in drawing.edges)
    assert drawing.width <= 360


def test_landmarks_and_pool_of_the_real_table(
    macro: NASBenchMacro,
    table: pd.DataFrame,
    real_data: Path,
    tmp_path: Path,
    composed: Callable[..., DictConfig],
) -> None:
    study = Study(composed("train_landmarks", "space=macro", "landmarks=table"), Options())
    config = TableConfig(
        path=str(real_data / "nasbench_macro.csv"), score_column="test_acc_seed0", pool_column="mean_acc"
    )
    scored = TableSource(config).gather(study, RandomSelector(RandomConfig()), Path("unused"), workers=1)
    scored.save(tmp_path, macro)
    truth = Truth.load(tmp_path, macro)
    by_text = table.set_index("arch")
    for members, column, count in ((truth.landmarks, "test_acc_seed0", 30), (truth.pool, "mean_acc", 600)):
        texts = [macro.format(arch) for arch in members.archs]
        assert len(texts) == count
        assert any(text.startswith("0") for text in texts)
        assert members.scores.tolist() == [by_text.loc[text, column] for text in texts]
