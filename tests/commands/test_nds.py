"""NDS from the command line: a published file, its table as truth, searches, evaluation and report."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.benchmark.published import write_nds
from tests.conftest import InProcess

from lmreg.space.nds import NDS, Config
from lmreg.util.files import read_json

SMALL = ("landmarks.count=3", "landmarks.pool=5")
SHORT = ("trainer.steps=4", "trainer.batch_size=8", "strategy.budget=3", "log_every=2", "scoring.images=64")
ENAS = NDS(Config(family="enas"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a file of 12 trainings and a few small images."""
    rng = np.random.default_rng(0)
    write_nds(tmp_path / "ENAS_fix-w-d.json", 12)
    for label in ("a", "b"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for i in range(80):
            picture = rng.integers(255, size=(8, 8), dtype=np.uint8)
            Image.fromarray(picture).save(tmp_path / "images" / label / f"{i}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow  # the pages of docs/ have its commands
def test_from_the_published_file_to_a_report(in_process: InProcess, folder: Path) -> None:
    def done(*args: str) -> str:
        code, out, errors = in_process(*args)
        assert code == 0, errors
        return out

    lines = done("import-benchmark", "kind=nds", "path=ENAS_fix-w-d.json", "out=enas.csv").splitlines()
    assert "Note: 12 trainings, 12 architectures of family enas" in lines
    use = shlex.split(lines[-2].removeprefix("To use it: lmreg train-landmarks "))
    assert use[:2] == ["space=nds", "space.family=enas"]
    space, data = tuple(use[:2]), ("data=folder", "data.path=images")
    done("train-landmarks", *use, *data, *SMALL)
    done("search", "-m", *space, *data, *SHORT, "network.channels=2", "algo=spos,gdas")
    done("evaluate", *space, "study=nds_enas-images", "bootstrap=100")
    done("report", *space, "study=nds_enas-images")

    study, table = folder / "outputs" / "nds_enas-images", pd.read_csv("enas.csv").set_index("arch")
    runs = [path.parent.name for path in study.glob("search/*/result.json")]
    assert len(runs) == 2
    assert not any("family" in run for run in runs)  # the study's name contains it
    for run in runs:
        ranking = pd.read_csv(study / "evaluate" / f"ranking-{run}.csv").set_index("arch")
        assert len(ranking) == 5
        truth = table["test_acc_percent"][ranking.index]
        assert ranking["truth_test_acc_percent"].tolist() == pytest.approx(truth.tolist())
        best = read_json(study / "search" / run / "result.json")["best"]["arch"]
        assert ENAS.format(ENAS.parse(best)) == best
    page = (study / "report" / "index.html").read_text()
    assert "reduction cell" in page
    assert "space=nds data=folder space.family=enas" in page  # in the commands that reproduce the study


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("algo=fairnas",), "needs as many options at every decision; nds_darts has 16 and 24 and 32 and 40"),
        (("algo=pcdarts",), "needs operations on a part of the channels"),
        (("space.family=resnet",), "space.family=resnet: must be one of darts, enas, pnas, amoeba, nasnet"),
    ],
)
def test_unsupported_algorithms_and_families_are_refused(
    options: tuple[str, ...], why: str, in_process: InProcess, tmp_path: Path
) -> None:
    code, _, errors = in_process("search", "space=nds", "reg=none", f"root={tmp_path}", *options)
    assert code == 2
    assert why in errors
    assert len(errors.strip().splitlines()) == 1
