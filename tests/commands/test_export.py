"""From a folder of images to files that need no lmreg, as the README has it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import InProcess

USE = """
import json, sys, torch
from model import load
assert "lmreg" not in sys.modules
about = json.load(open("model.json"))
size = about["input"]
pixels = torch.linspace(0, 1, size["height"] * size["width"] * size["channels"])
pixels = pixels.reshape(1, size["height"], size["width"], size["channels"])
images = ((pixels - torch.tensor(about["mean"])) / torch.tensor(about["std"])).permute(0, 3, 1, 2)
logits = load()(images)
print(about["classes"][logits.argmax(1)], logits.tolist()[0])
"""


def test_from_images_to_files_to_deploy(in_process: InProcess, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "my_images" / label).mkdir(parents=True)
        for i in range(40):
            pixels = rng.integers(255, size=(20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "my_images" / label / f"{i}.png")
    images = ("data=folder", f"data.path={tmp_path / 'my_images'}", "data.resolution=8")
    small = ("trainer.steps=3", "trainer.batch_size=8", "threads=1")
    where = (*images, f"root={tmp_path}", "network.channels=2")
    code, _, errors = in_process("search", "reg=none", "strategy.count=2", *where, *small)
    assert code == 0, errors
    study = tmp_path / "nasbench201-my_images"
    (search,) = (study / "search").iterdir()
    code, _, errors = in_process("retrain", f"run={search}", "network.channels=4", "seeds=1", *small)
    assert code == 0, errors
    (retrained,) = (study / "retrain").iterdir()
    code, _, errors = in_process("export", f"run={retrained}")
    assert code == 0, errors
    files = retrained / "export"
    names = {"model.py", "model.safetensors", "model.json", "model.onnx"}
    assert {p.name for p in files.iterdir() if p.is_file()} == names
    assert "lmreg" not in "".join(
        line for line in (files / "model.py").read_text().splitlines() if "import" in line
    )
    done = subprocess.run([sys.executable, "-c", USE], cwd=files, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] in ("cat", "dog")
    about = json.loads((files / "model.json").read_text())
    assert (about["classes"], about["input"]) == (["cat", "dog"], {"channels": 3, "height": 8, "width": 8})
    session = onnxruntime.InferenceSession(str(files / "model.onnx"), providers=["CPUExecutionProvider"])
    assert session.run(None, {"images": np.zeros((3, 3, 8, 8), np.float32)})[0].shape == (3, 2)
    code, _, errors = in_process("export", f"run={retrained}", "seed=7")
    assert code == 2
    assert "has trainings of" in errors


def test_a_missing_extra_is_told(
    in_process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    code, _, errors = in_process("export", f"run={tmp_path}")
    assert code == 2
    assert "export needs safetensors; install it by: pip install 'lmreg[export]'" in errors
