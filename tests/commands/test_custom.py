"""A network of the user's own from a file goes through every stage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
from omegaconf import OmegaConf
from tests.conftest import InProcess

import lmreg

EXAMPLE = Path(lmreg.__file__).parent / "space" / "custom.yaml"


def test_every_stage_on_a_file_of_ones_own(in_process: InProcess, tmp_path: Path) -> None:
    file = tmp_path / "my_space.yaml"
    shutil.copy(EXAMPLE, file)
    where = ("space=custom", f"space.path={file}", f"root={tmp_path}")
    trained = ("landmarks.count=2", "landmarks.pool=3", "landmarks.seeds=1", "landmarks.pool_seeds=1")
    search = ("trainer.steps=4", "strategy.count=2", "log_every=2", "scoring.images=100")
    for command, *options in (
        ("train-landmarks", *where, *trained, "workers=1", "trainer.steps=2"),
        ("search", *where, *search),
        ("evaluate", *where, "bootstrap=100"),
        ("report", *where),
    ):
        code, _, errors = in_process(command, *options)
        assert code == 0, errors
    (run,) = (path for path in (tmp_path / "my_space-fashion_mini" / "search").iterdir() if path.is_dir())
    assert OmegaConf.load(run / "config.yaml").space.stages == OmegaConf.load(file).stages
    assert pd.read_csv(run / "candidates.csv")["arch"].str.contains("|", regex=False).all()

    file.write_text(file.read_text().replace("width: 32", "width: 24"))
    code, _, errors = in_process("search", *where, *search)
    assert code == 2
    assert "space.stages.1.width: 32 -> 24" in errors
