"""`evaluate` and `report` where several results could be mixed up or overwritten."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import TINY_SEARCH, InProcess

from lmreg.util.files import read_json, write_json

STUDY = "nasbench201-fashion_mini"


@pytest.fixture
def study(searched_study: Path, tmp_path: Path) -> Path:
    """A copy, free to be modified, of a study with two seeds without and two with the regulariser."""
    shutil.copytree(searched_study, tmp_path / "root")
    return tmp_path / "root" / STUDY


def again(study: Path, name: str, seed: str) -> None:
    """Repeat the run of seed 0 without a regulariser, as an earlier lmreg did for ``seed=00``."""
    (source,) = study.glob("search/spos-none-*-s0")
    folder = source.with_name(name)
    shutil.copytree(source, folder)
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("seed: 0\n", f"seed: '{seed}'\n"))
    result = read_json(folder / "result.json")
    write_json(folder / "result.json", result | {"run": name})


@pytest.fixture
def one_seed(study: Path) -> Path:
    """The same study with seed 0 only, where one run of each kind suffices."""
    for folder in study.glob("search/*-s1"):
        shutil.rmtree(folder)
    return study


def test_one_search_in_three_folders_counts_once(study: Path, in_process: InProcess) -> None:
    root = f"root={study.parent}"
    code, _, _ = in_process("evaluate", root, "bootstrap=100")
    assert code == 0
    before = {name: (study / "evaluate" / f"{name}.csv").read_text() for name in ("metrics", "paired")}
    name = next(study.glob("search/spos-none-*-s0")).name
    again(study, f"{name}0", "00")
    again(study, f"{name}00", "000")
    code, out, _ = in_process("evaluate", root, "bootstrap=100")
    assert code == 0
    for name, text in before.items():
        assert (study / "evaluate" / f"{name}.csv").read_text() == text, name
    assert out.count("(same configuration, seed and data) and is not counted again.") == 2
    code, _, _ = in_process("report", root)
    assert code == 0
    html = (study / "report" / "index.html").read_text()
    assert html.count("(same configuration, seed and data) and is not counted again.") == 2
    assert "Finished but not evaluated" not in html


def test_jobs_of_a_sweep_over_options_of_evaluate_have_their_own_folders(
    one_seed: Path, in_process: InProcess
) -> None:
    root, out = f"root={one_seed.parent}", one_seed / "evaluate"
    code, out_text, _ = in_process("evaluate", "-m", root, "norm=batch,recalibrate", "bootstrap=100")
    assert code == 0
    for norm in ("batch", "recalibrate"):
        assert set(pd.read_csv(out / f"norm={norm}" / "metrics.csv")["norm"]) == {norm}
        assert f"Written to {out / f'norm={norm}'}" in out_text
    assert not (out / "metrics.csv").exists()
    code, _, errors = in_process("report", root)
    assert code == 2
    assert "are a sweep's; choose one by evaluation=<name>: norm=batch, norm=recalibrate" in errors
    code, _, errors = in_process("report", root, "evaluation=norm=batsh")
    assert (code, "did you mean" in errors) == (2, True)
    code, out_text, errors = in_process("report", root, "evaluation=norm=recalibrate")
    assert code == 0, errors
    assert "shows the evaluation in evaluate/norm=recalibrate; others are in evaluate/norm=batch" in out_text
    statistics = pd.read_csv(one_seed / "report" / "statistics.csv")
    assert set(statistics["norm"]) == {"recalibrate"}


def test_tables_and_pages_of_a_sweep_have_their_own_folders(study: Path, in_process: InProcess) -> None:
    root, tables = f"root={study.parent}", []
    for folder in list(study.glob("search/*"))[1:]:
        shutil.rmtree(folder)
    (run,) = study.glob("search/*")
    for name in ("a", "b"):
        tables.append(study.parent / f"{name}.csv")
        pd.read_csv(run / "candidates.csv").head(2 + len(tables)).to_csv(tables[-1], index=False)
    code, _, errors = in_process("evaluate", "-m", root, f"table={tables[0]},{tables[1]}")
    assert code == 0, errors
    found = sorted(study.glob(f"evaluate/table=*/scores-{run.name}.csv"))
    assert [len(pd.read_csv(path)) for path in found] == [3, 4]
    assert in_process("evaluate", root, "bootstrap=100")[0] == 0
    assert in_process("report", "-m", root, "score=loss,accuracy")[0] == 0
    assert {path.parent.name for path in study.glob("report/*/index.html")} == {
        "score=accuracy",
        "score=loss",
    }


def test_an_evaluation_of_an_earlier_version_is_refused(one_seed: Path, in_process: InProcess) -> None:
    root = f"root={one_seed.parent}"
    assert in_process("evaluate", root, "bootstrap=100")[0] == 0
    for name, lacking in (("metrics", "ceiling"), ("paired", "p_holm"), ("baselines", "ceiling")):
        path = one_seed / "evaluate" / f"{name}.csv"
        before = path.read_text()
        pd.read_csv(path).drop(columns=lacking).to_csv(path, index=False)
        code, _, errors = in_process("report", root)
        assert code == 2
        assert f"has no column '{lacking}'" in errors
        assert "'lmreg evaluate' writes it again" in errors
        path.write_text(before)


def test_runs_with_identical_super_nets_are_reported(study: Path, in_process: InProcess) -> None:
    steps = next(option for option in TINY_SEARCH if option.startswith("trainer.steps="))
    options = [option for option in TINY_SEARCH if option != steps]
    paths = steps.replace("steps", "paths")  # the algorithm trains one path per step
    code, _, errors = in_process("search", "reg=none", f"root={study.parent}", *options, paths)
    assert code == 0, errors
    code, out, _ = in_process("evaluate", f"root={study.parent}", "bootstrap=100")
    assert code == 0
    (note,) = [line for line in out.splitlines() if "the same scores to the last digit" in line]
    assert note.count("spos-none-") == 2
    assert paths in note
