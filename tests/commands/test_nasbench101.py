"""NAS-Bench-101 from the command line: landmarks, searches, evaluation and report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import Lmreg

from lmreg.space.nasbench101 import NASBench101
from lmreg.util.files import read_json

SPACE = ("space=nasbench101", "network=nasbench101", "network.channels=4", "network.cells=1")
TINY = ("landmarks.count=4", "landmarks.pool=5", "landmarks.pool_seeds=1", "workers=1", "trainer.steps=5")
SMALL = ("trainer.steps=8", "strategy.budget=4", "log_every=4", "scoring.images=64", "trainer.batch_size=16")
STUDY = "nasbench101-fashion_mini"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, lmreg: Lmreg) -> Path:
    root = tmp_path_factory.mktemp("nasbench101")
    nao = ("algo.pool=6", "algo.warmup=0.2", "algo.refresh_epochs=0.008", "algo.predictor_epochs=5")
    evolution = ("strategy=evolution", "strategy.budget=8", "strategy.population=4", "strategy.tournament=2")
    searches = (
        ("algo=spos", "reg=landmark", *SMALL),
        ("algo=spos_unique", "reg=none", *evolution, *(o for o in SMALL if "strategy" not in o)),
        ("algo=nao", "reg=none", *nao, *SMALL),
    )
    for command, *options in (
        ("train-landmarks", *SPACE, *TINY),
        *(("search", "-m", *SPACE, *search) for search in searches),
        ("evaluate", "space=nasbench101", "bootstrap=100"),
        ("report", "space=nasbench101"),
    ):
        done = lmreg(command, *options, f"root={root}")
        assert done.returncode == 0, done.stderr
    return root / STUDY


@pytest.mark.slow  # the pages of docs/ have its commands
def test_every_search_finishes_and_finds_cells(study: Path) -> None:
    space = NASBench101()
    folders = sorted((study / "search").iterdir())
    assert len(folders) == 3
    for folder in folders:
        candidates = pd.read_csv(folder / "candidates.csv")
        classes = {space.canonical(space.parse(text)) for text in candidates["arch"]}
        assert len(classes) == len(candidates) >= 4
        assert read_json(folder / "result.json")["best"]["arch"] == candidates["arch"][0]


def test_landmarks_and_pool_share_no_network(study: Path) -> None:
    space, folder = NASBench101(), study / "landmarks"
    texts = [text for name in ("landmarks", "pool") for text in pd.read_csv(folder / f"{name}.csv")["arch"]]
    assert len({space.canonical(space.parse(text)) for text in texts}) == len(texts) == 9


def test_the_report_draws_the_best_cells(study: Path) -> None:
    page = (study / "report" / "index.html").read_text()
    best = {read_json(p)["best"]["arch"] for p in study.glob("search/*/result.json")}
    assert all(text in page for text in best)
    assert "conv3x3-bn-relu" in page
