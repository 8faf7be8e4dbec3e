"""From a published file over the table to landmarks."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from tests.benchmark.published import write_macro, write_nasbench101
from tests.conftest import InProcess

from lmreg.space.nasbench101 import NASBench101
from lmreg.util.files import file_hash, read_json

SMALL = ("landmarks=table", "landmarks.count=4", "landmarks.pool=9")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with published files of a few architectures."""
    root = tmp_path_factory.mktemp("published")
    write_nasbench101(root / "nb.tfrecord", 16)
    write_macro(root / "macro.json", 40)
    return root


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def imported(in_process: InProcess, *args: str) -> list[str]:
    """What the command says when all is well."""
    code, out, errors = in_process("import-benchmark", *args)
    assert code == 0, errors
    return out.splitlines()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_nasbench101_goes_straight_into_landmarks(in_process: InProcess, ending: str) -> None:
    *_, written, use, then = imported(
        in_process, "benchmark=nasbench101", "path=nb.tfrecord", f"out=nb.{ending}"
    )
    table = pd.read_csv("nb.csv") if ending == "csv" else pd.read_parquet("nb.parquet")
    assert written.startswith(f"Written: nb.{ending} (16 rows, ")
    assert f"hash {file_hash(Path(f'nb.{ending}'))}" in written
    options = shlex.split(use.removeprefix("To use it: lmreg train-landmarks "))
    assert "landmarks.score_column=valid_acc_percent" in options
    assert then.startswith("Then: lmreg search space=nasbench101, ")
    code, _, errors = in_process("train-landmarks", *options, *SMALL, f"study={ending}")
    assert code == 0, errors
    space, by_key = NASBench101(), {}
    for row in table.to_dict("records"):
        by_key[space.benchmark_key(space.parse(row["arch"]))] = row
    for name, column in (("landmarks", "valid_acc_percent"), ("pool", "test_acc_percent")):
        chosen = pd.read_csv(Path("outputs") / ending / "landmarks" / f"{name}.csv")
        truth = [by_key[space.benchmark_key(space.parse(text))][column] for text in chosen["arch"]]
        assert chosen[column].tolist() == pytest.approx(truth, abs=1e-9)
    manifest = read_json(Path("outputs") / ending / "landmarks" / "manifest.json")
    assert manifest["table_hash"] in written


def test_macro_goes_straight_into_landmarks(in_process: InProcess) -> None:
    lines = imported(in_process, "benchmark=macro", "path=macro.json", "out=made of it/macro.csv")
    options = shlex.split(lines[-2].removeprefix("To use it: lmreg train-landmarks "))
    code, _, errors = in_process("train-landmarks", *options, *SMALL, "study=macro")
    assert code == 0, errors
    table = pd.read_csv("made of it/macro.csv", dtype={"arch": str}).set_index("arch")["mean_acc"]
    pool = pd.read_csv("outputs/macro/landmarks/pool.csv", dtype={"arch": str})
    assert pool["mean_acc"].tolist() == pytest.approx(table[pool["arch"]].tolist())


def test_it_says_how_many_rows_and_of_which_range(in_process: InProcess) -> None:
    text = "\n".join(imported(in_process, "path=nb.tfrecord", "out=told.csv"))
    table = pd.read_csv("told.csv")
    for column in ("valid_acc_percent", "test_acc_percent"):
        (row,) = [line for line in text.splitlines() if f" {column} " in line and "│" in line]
        shown = [cell.strip() for cell in row.strip("│").split("│")]
        scores = table[column]
        figures = (scores.min(), scores.median(), scores.max())
        assert shown == [column, "16", *(f"{figure:.4f}" for figure in figures)]
    assert "Note: 48 trainings of 16 cells" in text


def test_what_is_there_stays_unless_it_is_the_same(in_process: InProcess) -> None:
    imported(in_process, "path=nb.tfrecord", "out=kept.csv")
    before = Path("kept.csv").stat().st_mtime_ns, Path("kept.csv").stat().st_ino
    again = imported(in_process, "path=nb.tfrecord", "out=kept.csv")
    assert again[-3].startswith("Unchanged: kept.csv (16 rows, ")
    assert (Path("kept.csv").stat().st_mtime_ns, Path("kept.csv").stat().st_ino) == before
    code, _, errors = in_process("import-benchmark", "benchmark=macro", "path=macro.json", "out=kept.csv")
    assert code == 2
    assert errors.startswith("Error: kept.csv exists with other content (hash ")
    assert "; remove it, or give another out" in errors
    assert (Path("kept.csv").stat().st_mtime_ns, Path("kept.csv").stat().st_ino) == before


@pytest.mark.parametrize(("kind", "name"), [("nasbench101", "nb.tfrecord"), ("macro", "macro.json")])
def test_damaged_files_leave_nothing_behind(
    in_process: InProcess, kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = Path(name).read_bytes()
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(content[: len(content) * 2 // 3])
    code, _, errors = in_process("import-benchmark", f"benchmark={kind}", "path=file", "out=new/table.csv")
    assert code == 2
    assert errors.startswith("Error: file is ")
    assert "download it again" in errors
    assert errors.count("\n") == 1
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


def test_a_file_of_another_kind_is_told(in_process: InProcess) -> None:
    for kind, name in (("nasbench101", "macro.json"), ("macro", "nb.tfrecord"), ("nds", "macro.json")):
        code, _, errors = in_process("import-benchmark", f"benchmark={kind}", f"path={name}", "out=wrong.csv")
        assert code == 2
        assert errors.startswith(f"Error: {name} is not ")
    assert not Path("wrong.csv").exists()


def test_it_needs_no_torch(folder: Path) -> None:
    code = (
        "import sys; from lmreg.cli.main import main\n"
        "try: main(['import-benchmark', 'path=nb.tfrecord', 'out=without.csv'], prog_name='lmreg')\n"
        "except SystemExit as end: assert not end.code\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"
    assert Path("without.csv").exists()
