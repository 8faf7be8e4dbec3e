"""A network that the user describes in a file goes through every stage."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from PIL import Image
from tests.conftest import InProcess

from lmreg.util.files import read_json

MODULES = """
from torch import nn

class Gated(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv, self.gate = (nn.Conv2d(channels, channels, 1) for _ in range(2))

    def forward(self, x):
        return self.conv(x) * self.gate(x.mean((2, 3), keepdim=True)).sigmoid()
"""
STAGES = """
stages:
  - width: 4
    stride: 2
    choices:
      conv:
        - {_target_: torch.nn.Conv2d, in_channels: $c_in, out_channels: $c_out, kernel_size: 3,
           stride: $stride, padding: 1}
        - {_target_: torch.nn.GroupNorm, num_groups: 2, num_channels: $c_out}
        - {_target_: torch.nn.GELU}
      pool:
        - {_target_: torch.nn.MaxPool2d, kernel_size: 3, stride: $stride, padding: 1}
        - {_target_: torch.nn.Conv2d, in_channels: $c_in, out_channels: $c_out, kernel_size: 1}
        - {_target_: torch.nn.BatchNorm2d, num_features: $c_out}
      mb: {_target_: lmreg.network.chain.InvertedResidual, c_in: $c_in, c_out: $c_out, stride: $stride,
           expansion: 2, kernel: 3}
  - layers: 2
    width: 4
    choices:
      gated: {_target_: my_modules.Gated, channels: $c_in}
      conv: {_target_: torch.nn.Conv2d, in_channels: $c_in, out_channels: $c_out, kernel_size: 1}
      blur: {_target_: torch.nn.AvgPool2d, kernel_size: 3, stride: 1, padding: 1}
"""
TINY = ("landmarks.count=3", "landmarks.pool=4", "landmarks.seeds=1", "landmarks.pool_seeds=1", "workers=1")
TRAINED = ("trainer.steps=8", "trainer.batch_size=8")
SHORT = ("trainer.steps=4", "trainer.batch_size=8", "strategy.budget=3", "log_every=2", "scoring.images=16")
ALLOWED = "allow_packages=[my_modules]"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A space with modules of torch, of lmreg and of the user."""
    (tmp_path / "my_modules.py").write_text(MODULES)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_modules", raising=False)
    file = tmp_path / "my_space.yaml"
    file.write_text(STAGES)
    return file


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Noise in two classes, one of them brighter: enough to rank architectures after a few steps."""
    rng, folder = np.random.default_rng(0), tmp_path / "images"
    for label, least in (("a", 0), ("b", 60)):
        (folder / label).mkdir(parents=True)
        for i in range(80):
            picture = rng.integers(least, 255, size=(8, 8), dtype=np.uint8)
            Image.fromarray(picture).save(folder / label / f"{i}.png")
    return folder


@pytest.mark.slow  # the pages of docs/ have its commands
def test_every_stage_with_the_users_own_file(
    in_process: InProcess, file: Path, images: Path, tmp_path: Path
) -> None:
    root = f"root={tmp_path}"
    where = ("space=custom", f"space.path={file}", "data=folder", f"data.path={images}", ALLOWED, root)
    learned = ("algo.alpha_warmup=0.5", "reg.warmup=0.25", "reg.passes=soft_oneshot")
    later = ("study=my_space-images", ALLOWED, root)
    for command, *options in (
        ("train-landmarks", *where, *TINY, *TRAINED),
        ("search", "-m", *where, *SHORT, "algo=spos,fairnas", "reg=none,landmark"),
        ("search", *where, *SHORT, "algo=darts", "reg=landmark", *learned),
        ("evaluate", *later, "bootstrap=100"),
        ("evaluate", *later, "bootstrap=100", "norm=recalibrate"),
        ("report", *later),
    ):
        code, said, errors = in_process(command, *options)
        assert code == 0, errors
        small = "the rank split has 32 images, less than a batch of 'lmreg search' (trainer.batch_size=64"
        assert (small in said) == (command == "train-landmarks")

    study = tmp_path / "my_space-images"
    runs = [path.parent for path in study.glob("search/*/result.json")]
    assert len(runs) == 2 * 2 + 1
    for run in runs:
        assert OmegaConf.load(run / "config.yaml").space.stages == OmegaConf.load(file).stages
        assert pd.read_csv(run / "candidates.csv")["arch"].str.fullmatch(r"\w+\|\w+\+\w+").all()
    assert sum(read_json(run / "result.json")["discretised"] is not None for run in runs) == 1
    assert len(pd.read_csv(study / "evaluate" / "metrics.csv")["run"].unique()) == 5
    assert (study / "report" / "index.html").stat().st_size > 10_000

    code, _, errors = in_process("evaluate", later[0], root)
    assert code == 2
    assert "my_modules.Gated: only classes of lmreg and torch.nn are built" in errors

    written = {run: (run / "result.json").stat().st_mtime_ns for run in runs}
    # A copy of the file, even in another order, is the same space; other content is another space.
    moved = tmp_path / "elsewhere" / "my_space.yaml"
    moved.parent.mkdir()
    first, second, rest = STAGES.partition("      conv: {_target_: torch.nn.Conv2d")
    line, end, blur = rest.partition("\n")
    moved.write_text(first + blur + second + line + end)
    again = (*where[:1], f"space.path={moved}", *where[2:], *SHORT, "algo=spos", "reg=none")
    code, _, errors = in_process("search", *again)
    assert code == 0, errors
    assert {run: (run / "result.json").stat().st_mtime_ns for run in runs} == written
    moved.write_text(moved.read_text().replace("expansion: 2", "expansion: 3"))
    code, _, errors = in_process("search", *again)
    assert code == 2
    assert "space.stages.0.choices.mb.expansion: 2 -> 3" in errors


@pytest.mark.parametrize("command", ["search", "train-landmarks"])
def test_a_wrong_file_is_reported_before_images_are_read(
    command: str, in_process: InProcess, file: Path, tmp_path: Path
) -> None:
    absent = ("data=folder", f"data.path={tmp_path / 'absent'}", f"root={tmp_path}", ALLOWED)
    file.write_text(STAGES.replace("my_modules.Gated", "my_modules.Gate"))
    code, _, errors = in_process(command, "space=custom", f"space.path={file}", *absent)
    assert code == 2
    assert "choices.gated._target_=my_modules.Gate: there is no nn.Module of that name" in errors
    assert "did you mean my_modules.Gated?" in errors
    assert len(errors.strip().splitlines()) == 1


def test_without_a_file_a_note_says_that_this_is_an_example(in_process: InProcess, tmp_path: Path) -> None:
    note = "Note: no space.path is given, so custom is lmreg's own example of a space\n"
    call = ("space=custom", f"root={tmp_path}", "threads=1")
    _, said, errors = in_process("train-landmarks", *call, "landmarks.count=99999")
    assert "lower landmarks.count" in errors
    assert note in said
    code, said, errors = in_process("search", *call, "reg=none", "trainer.steps=2", "strategy.budget=2")
    assert code == 0, errors
    assert note in said


def test_the_shown_config_includes_the_files_content(in_process: InProcess, file: Path) -> None:
    call = ("search", "space=custom", f"space.path={file}", ALLOWED)
    code, said, errors = in_process(*call, "--cfg=job", "--resolve")
    assert code == 0, errors
    assert "_target_: my_modules.Gated" in said
