"""The DARTS space from the command line: landmarks, searches by every algorithm, evaluation and report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.conftest import InProcess

from lmreg.space.darts import DARTSSpace
from lmreg.util.files import read_json

SPACE = ("space=darts", "network.channels=2")
TINY = ("landmarks.count=3", "landmarks.pool=3", "landmarks.seeds=1", "landmarks.pool_seeds=1", "workers=1")
FULLY = ("network.auxiliary=0.4", "network.drop_path=0.2")
SHORT = ("trainer.steps=5", "trainer.batch_size=8", "strategy.budget=3", "log_every=5", "scoring.images=64")
LEARNING = ("reg.warmup=0.2", "algo.alpha_warmup=0.4")


@pytest.mark.slow  # as nds, whose cells are of the same kind
def test_every_stage(in_process: InProcess, tmp_path: Path) -> None:
    # tests/commands/test_every_space.py, a slow test, covers every algorithm.
    # Few and small images, because networks of so many layers are slow to score.
    rng, images = np.random.default_rng(0), tmp_path / "images"
    for label in ("a", "b"):
        (images / label).mkdir(parents=True)
        for i in range(80):
            picture = rng.integers(255, size=(8, 8), dtype=np.uint8)
            Image.fromarray(picture).save(images / label / f"{i}.png")
    data = ("data=folder", f"data.path={images}")
    space, root = DARTSSpace(), f"root={tmp_path}"
    trained = ("trainer.steps=2", "trainer.batch_size=16", *FULLY)
    for command, *options in (
        ("train-landmarks", *SPACE, *TINY, *trained),
        ("search", "-m", *SPACE, *SHORT, "algo=spos", "reg=none,landmark"),
        ("search", *SPACE, *SHORT, "algo=darts", "reg=landmark", *LEARNING),
        ("search", *SPACE, *SHORT, "algo=pcdarts", "algo.partial=2", "reg=landmark", *LEARNING),
        ("evaluate", "space=darts", "bootstrap=100"),
        ("report", "space=darts"),
    ):
        given = data if command in ("train-landmarks", "search") else ("study=darts-images",)
        code, _, errors = in_process(command, *options, *given, root)
        assert code == 0, errors

    study = tmp_path / "darts-images"
    results = [read_json(path) for path in study.glob("search/*/result.json")]
    assert len(results) == 2 + 1 + 1
    for folder in (path.parent for path in study.glob("search/*/result.json")):
        candidates = pd.read_csv(folder / "candidates.csv")
        assert len({space.canonical(space.parse(text)) for text in candidates["arch"]}) == 3
    learned = {result["algo"] for result in results if result["discretised"] is not None}
    assert learned == {"darts", "pcdarts"}
    assert len(pd.read_csv(study / "evaluate" / "metrics.csv")["run"].unique()) == 4
    page = (study / "report" / "index.html").read_text()
    assert "normal cell" in page
    assert "reduction cell" in page


def test_fairnas_is_refused(in_process: InProcess, tmp_path: Path) -> None:
    code, _, errors = in_process("search", *SPACE, "algo=fairnas", "reg=none", f"root={tmp_path}")
    assert code == 2
    assert "algo=fairnas needs options that go with nearly any options of the other decisions" in errors
    assert len(errors.strip().splitlines()) == 1
