"""Budgets in paths on the command line, and runs of earlier versions, whose budgets counted steps."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from omegaconf import OmegaConf
from tests.conftest import InProcess, Lmreg

from lmreg.util.files import read_json, write_json

STUDY = "nasbench201-fashion_mini"
SMALL = ("trainer.paths=30", "strategy.budget=4", "network.channels=2", "log_every=3", "scoring.images=64")
NAMED = "-".join(("network.channels=2", "scoring.images=64", "strategy.budget=4"))


@pytest.fixture(scope="module")
def swept(tiny_study: Path, tmp_path_factory: pytest.TempPathFactory, lmreg: Lmreg) -> Path:
    root = tmp_path_factory.mktemp("budgets") / "root"
    shutil.copytree(tiny_study, root)
    done = lmreg("search", "-m", "algo=spos,fairnas", "reg=none,landmark", f"root={root}", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "6 steps of 5 paths on 64 images" in done.stdout
    assert "30 steps of 64 images" in done.stdout
    return root


def of(root: Path, algo: str, reg: str = "none") -> Path:
    return root / STUDY / "search" / f"{algo}-{reg}-{NAMED}-trainer.paths=30-s0"


def as_before(folder: Path) -> None:
    """Make the run look like one of a version without `trainer.paths` and `network.affine`."""
    config, result = OmegaConf.load(folder / "config.yaml"), read_json(folder / "result.json")
    del config.trainer.paths, config.network.affine  # type: ignore[union-attr]
    config.trainer.steps = result["steps"]  # type: ignore[union-attr]
    config.pop("paths_per_step", None)  # type: ignore[union-attr]
    for key in ("affine", "paths"):
        del result[key]
    OmegaConf.save(config, folder / "config.yaml")
    write_json(folder / "result.json", result)


def test_equal_budgets_are_told(swept: Path) -> None:
    for reg in ("none", "landmark"):
        for algo, steps in (("spos", 30), ("fairnas", 6)):
            result = read_json(of(swept, algo, reg) / "result.json")
            assert (result["steps"], result["paths"]) == (steps, 30)
            rows = pd.read_csv(of(swept, algo, reg) / "metrics.csv")
            assert rows["paths"].tolist() == (rows["step"] * 30 // steps).tolist()
            assert rows["epoch"].iloc[-1] == 30 / 12
            tracked = pd.read_csv(of(swept, algo, reg) / "tracking.csv")
            assert tracked["epoch"].iloc[-1] == 30 / 12


def test_older_runs_of_one_path_a_step_are_finished_still(
    swept: Path, in_process: InProcess, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(swept, root)
    old = of(root, "spos").rename(of(root, "spos").with_name(f"spos-none-{NAMED}-trainer.steps=30-s0"))
    as_before(old)
    given = (*(o for o in SMALL if "paths" not in o), "trainer.steps=30", f"root={root}")
    code, said, errors = in_process("search", "algo=spos", "reg=none", *given)
    assert code == 0, errors
    assert "finished already" in said


def test_older_runs_of_several_are_not_mixed_with_those_of_now(
    swept: Path, in_process: InProcess, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(swept, root)
    old = of(root, "fairnas")
    as_before(old)
    code, _, errors = in_process("search", "algo=fairnas", "reg=none", *SMALL, f"root={root}")
    assert code == 2
    assert "its budget counted steps; now it counts paths, of which a step has several" in errors
    assert len(errors.strip().splitlines()) == 1

    code, said, errors = in_process("evaluate", f"root={root}", "bootstrap=100")
    assert code == 0, errors
    assert f"Note: {old.name} is from an earlier lmreg, whose budget counted steps" in " ".join(said.split())
    gains = pd.read_csv(root / STUDY / "evaluate" / "paired.csv")
    assert set(gains[gains["against"] == "none"]["comparison"]) == {"spos landmark"}
    labels = pd.read_csv(root / STUDY / "evaluate" / "metrics.csv").groupby("run")["label"].first()
    assert "(budget in steps)" in labels[old.name]
    assert labels.str.contains("budget in steps").sum() == 1
    code, _, errors = in_process("report", f"root={root}")
    assert code == 0, errors
    page = (root / STUDY / "report" / "index.html").read_text()
    assert "from an earlier lmreg, whose budget counted steps" in page
    assert "Batch norms in the super-nets" in page
