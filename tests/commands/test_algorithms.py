"""Every algorithm with and without the regulariser, from the command line to the report."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import InProcess, Lmreg
from tests.described import undescribed

from lmreg.algo.base import Algorithm
from lmreg.config.build import classes_of
from lmreg.space.nasbench201 import NASBench201
from lmreg.util.files import read_json

TRAINING = [name for name, cls in classes_of("algo", Algorithm).items() if cls.trains]
STUDY = "nasbench201-fashion_mini"
SMALL = (
    *("trainer.steps=10", "trainer.batch_size=16", "strategy.budget=4", "network.channels=4", "log_every=5"),
    "scoring.images=64",
)
NAO = ("algo=nao", "algo.pool=6", "algo.refresh_epochs=0.008", "algo.predictor_epochs=5")


@pytest.fixture(scope="module")
def swept(tiny_study: Path, tmp_path_factory: pytest.TempPathFactory, lmreg: Lmreg) -> Path:
    root = tmp_path_factory.mktemp("swept") / "root"
    shutil.copytree(tiny_study, root)
    others = f"algo={','.join(set(TRAINING) - {'nao'})}"
    for algo in ((others,), NAO):  # with a small pool: its default one takes as long as all the others
        done = lmreg("search", "-m", *algo, "reg=none,landmark", f"root={root}", *SMALL)
        assert done.returncode == 0, done.stderr
    return root


def test_all_finish_and_mark_the_learned_architecture(swept: Path, space: NASBench201) -> None:
    folders = sorted((swept / STUDY / "search").iterdir())
    assert len(folders) == 2 * len(TRAINING)
    learners = set()
    for folder in folders:
        result, candidates = read_json(folder / "result.json"), pd.read_csv(folder / "candidates.csv")
        learned = candidates[candidates["origin"] == "discretised"]
        assert set(candidates["origin"]) <= {"discretised", "sampled"}
        assert result["best"]["arch"] == candidates["arch"][0]
        if result["discretised"] is None:
            assert learned.empty
        else:
            learners.add(result["algo"])
            assert learned["arch"].tolist() == [result["discretised"]["arch"]]
            assert learned["loss_nats"].tolist() == [result["discretised"]["loss_nats"]]
        classes = [space.canonical(space.parse(arch)) for arch in candidates["arch"]]
        assert len(set(classes)) == len(classes) == 4
    assert learners == {"darts", "darts2", "gdas", "pcdarts"}


def test_all_can_be_evaluated_and_reported(swept: Path, lmreg: Lmreg) -> None:
    done = lmreg("evaluate", f"root={swept}", "bootstrap=100")
    assert done.returncode == 0, done.stderr
    gains = pd.read_csv(swept / STUDY / "evaluate" / "paired.csv")
    compared = {" ".join(c.split()[:2]) for c in gains[gains["against"] == "none"]["comparison"]}
    assert compared == {f"{algo} landmark" for algo in TRAINING}
    done = lmreg("report", f"root={swept}")
    assert done.returncode == 0, done.stderr
    assert undescribed(swept / STUDY) == set()
    page = (swept / STUDY / "report" / "index.html").read_text()
    assert all(algo in page for algo in TRAINING)


def test_a_sweep_over_algorithms_may_set_what_they_share(in_process: InProcess, tmp_path: Path) -> None:
    """Even if the default algorithm lacks the option. A run has the same name as without a sweep."""
    options = ("algo.alpha_lr=0.02", "reg=none", f"root={tmp_path}", *SMALL)
    code, _, errors = in_process("search", "-m", "algo=darts,gdas", *options)
    assert code == 0, errors
    names = {p.name for p in (tmp_path / STUDY / "search").iterdir()}
    assert {name.split("-")[0] for name in names} == {"darts", "gdas"}
    assert all("-algo.alpha_lr=0.02-" in name for name in names)
    code, out, _ = in_process("search", "algo=gdas", *options)
    assert code == 0
    assert "finished already" in out
