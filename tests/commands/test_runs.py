"""`lmreg runs` on folders in every state."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lmreg.commands.runs import runs
from lmreg.config.arguments import split_values
from lmreg.errors import LmregError
from lmreg.experiment.failures import failure_noted
from lmreg.util.files import write_json
from lmreg.util.locks import locked


def make(root: Path, name: str, study: str = "s", **config: object) -> Path:
    folder = root / study / "search" / name
    folder.mkdir(parents=True)
    base = {
        "algo": {"name": "spos"},
        "reg": {"name": "none"},
        "seed": 0,
        "trainer": {"lr": 0.1, "steps": None},
    }
    cfg = OmegaConf.merge(base, {"root": str(root), "study": study}, config)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg))
    return folder


def finish(folder: Path) -> None:
    best = {"arch": "a", "loss_nats": 0.5, "accuracy_percent": 81.25}
    about = {"chosen_by": "accuracy_percent", "train_seconds_this_session": 60.0, "search_seconds": 40.0}
    write_json(folder / "result.json", {"best": best, **about})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    done = make(tmp_path, "done")
    finish(done)
    finish(make(tmp_path, "done-lr", trainer={"lr": 0.2}))
    write_json(make(tmp_path, "half", seed=1) / "progress.json", {"step": 1200, "total_steps": 1500})
    older = make(tmp_path, "older", seed=2)  # an lmreg that wrote no progress.json
    (older / "metrics.csv").write_text("step,epoch\n50,0.4\n100,0.8\n")
    with pytest.raises(LmregError), failure_noted(make(tmp_path, "failed", seed=3), always=True):
        raise LmregError("the training diverged")
    (tmp_path / "s" / "search" / "bare").mkdir()  # it stopped before it had a config
    evaluate = tmp_path / "s" / "evaluate"
    evaluate.mkdir()
    (evaluate / "metrics.csv").write_text(
        "run,algo,reg,seed,score,norm,statistic,value,low,high,n,label\n"
        "done,spos,none,0,loss,batch,kendall_tau,0.4012,0.3,0.5,32,spos none s0\n"
        "done,spos,none,0,loss,batch,spearman,0.6,0.3,0.5,32,spos none s0\n"
        "done,spos,none,0,accuracy,batch,kendall_tau,0.35,0.3,0.5,32,spos none s0\n"
    )
    return tmp_path


def listed(root: Path, capsys: pytest.CaptureFixture[str], **options: object) -> str:
    runs(OmegaConf.create({"study": None, "root": str(root), "json": False, **options}), [])
    return capsys.readouterr().out


def rows(text: str) -> dict[str, list[str]]:
    cells = [[c.strip() for c in line.strip("│").split("│")] for line in text.splitlines() if "│" in line]
    return {row[0]: row[1:] for row in cells}


def test_states_differences_and_figures(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = listed(root, capsys)
    title = text.splitlines()[0]
    assert title.startswith("s: ")
    assert {"3 interrupted", "2 finished", "1 failed"} == set(title[3:].strip().split(", "))
    assert rows(text) == {
        "spos none trainer.lr=0.1 s0": ["finished", "accuracy 81.25 %", "0.401", "0.350", "2 min"],
        "spos none trainer.lr=0.2 s0": ["finished", "accuracy 81.25 %", "", "", "2 min"],
        "spos none trainer.lr=0.1 s1": ["interrupted at step 1,200 of 1,500", "", "", "", ""],
        "spos none trainer.lr=0.1 s2": ["interrupted at step 100", "", "", "", ""],
        "spos none trainer.lr=0.1 s3": ["failed: the training diverged", "", "", "", ""],
        "bare": ["interrupted at step 0", "", "", "", ""],
    }


def test_every_folder_can_be_pasted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Folders, those of finished runs first, are in the order of the table and unbroken however long."""
    long = make(root, f"spos-none-{'trainer.lr=0.1-' * 12}s0", study="my study")
    lines = listed(root, capsys).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Folders of finished runs"))
    folders = {path.name: f"run={path}" for path in (root / "s" / "search").iterdir()}
    assert lines[start + 1 : start + 3] == [folders["done"], folders["done-lr"]]
    assert lines[start + 3] == "Folders of unfinished runs:"
    others = ("bare", "failed", "half", "older")
    assert lines[start + 4 : start + 8] == [folders[name] for name in others]
    assert f"'run={long}'" in lines
    comma = make(root, "done", study="a, b (1)")
    (line,) = [line for line in listed(root, capsys).splitlines() if "a, b (1)/search/done" in line]
    (pasted,) = shlex.split(line)
    assert split_values(pasted.removeprefix("run=")) == [str(comma)]


def test_a_run_in_progress(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with locked(root / "s" / "search" / "half"):
        assert "running at step 1,200 of 1,500" in listed(root, capsys)
    assert "running" not in listed(root, capsys)


def test_one_study_or_all(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finish(make(root, "x", study="other"))
    assert len(listed(root, capsys).split("other: ")) == 2
    assert "other" not in listed(root, capsys, study="s")
    with pytest.raises(LmregError, match=r"no searches in .*/no; .*studies there: other, s"):
        listed(root, capsys, study="no")


def test_json(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    by_name = {r["run"]: r for r in json.loads(listed(root, capsys, json=True))}
    assert by_name["done"]["figures"] == {"loss": 0.4012, "accuracy": 0.35}
    assert by_name["done"]["config"]["trainer.lr"] == 0.1
    assert by_name["half"]["state"] == "interrupted"


def test_damaged_files_do_not_hide_other_runs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, file in (("done", "result.json"), ("half", "config.yaml"), ("half", "progress.json")):
        (root / "s" / "search" / name / file).write_text("{torn: [")
    (root / "s" / "evaluate" / "metrics.csv").write_text("torn\n")
    found = rows(listed(root, capsys))
    assert len(found) == 6
    assert found["half"] == ["interrupted at step 0", "", ""]


def test_it_fits_80_columns_and_imports_no_torch(root: Path) -> None:
    code = (
        "import sys; from lmreg.cli.main import main\n"
        f"try: main(['runs', 'root={root}'], prog_name='lmreg')\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'pandas') if m in sys.modules])"
    )
    env = {**os.environ, "COLUMNS": "80", "FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)  # bold and italic, no colours
    assert 60 < max(len(line) for line in text.splitlines() if "│" in line) <= 80
