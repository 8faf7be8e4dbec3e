"""Monocular depth from the command line: landmarks, searches, evaluation, report; wrong combinations."""

from __future__ import annotations

import base64
import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from tests.conftest import InProcess
from tests.described import undescribed
from torch import Tensor

from lmreg.data.shapes_depth import Config as Scenes
from lmreg.data.shapes_depth import ShapesDepth
from lmreg.landmarks.example_maps import read_examples
from lmreg.task.depth import Depth
from lmreg.util.files import read_json

DEPTH = ("task=depth", "space=depth_decoder", "network.channels=4", "network.widths=[4,4,6,6]")
SCENES = ("data=shapes_depth", "data.scenes=96", "data.test_scenes=24", "data.resolution=16")
TINY = ("landmarks.count=3", "landmarks.pool=4", "landmarks.pool_seeds=1", "workers=1", "trainer.steps=4")
SHORT = ("trainer.steps=6", "strategy.budget=3", "log_every=3")


# Runs the exported files on the test scenes, without lmreg.
USE = """
import importlib, json, sys
from pathlib import Path

sys.modules["lmreg"] = None
import numpy as np, onnxruntime, torch

folder, arrays = Path(sys.argv[1]), np.load(sys.argv[2])
about = json.loads((folder / "model.json").read_text())
sys.path.insert(0, str(folder))
x = importlib.import_module("preprocess").preprocess(arrays["images"])
maps = importlib.import_module("model").load()(torch.from_numpy(x)).detach().numpy()
session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
(found,) = session.run([about["output"]["name"]], {"images": x})
np.savez(sys.argv[3], torch=maps, onnx=found)
"""


@pytest.mark.slow  # the pages of docs/ have its commands, test_export.py its files
def test_from_search_to_deployment(in_process: InProcess, tmp_path: Path) -> None:
    """A search's architecture is retrained and exported; the files reproduce its test scores."""
    for package in ("safetensors", "onnxruntime", "onnxscript"):
        pytest.importorskip(package)
    given = ("trainer.batch_size=8", "trainer.steps=3", "strategy.budget=2", f"root={tmp_path}")
    code, _, errors = in_process("search", *DEPTH, *SCENES, "reg=none", *given)
    assert code == 0, errors
    study = tmp_path / "depth_decoder-shapes_depth"
    (search,) = (study / "search").iterdir()
    short = ("trainer.steps=6", "trainer.batch_size=8", "seeds=2", "folder=mine")
    code, out, errors = in_process("retrain", f"run={search}", *short)
    assert code == 0, errors
    assert "Left out of the recipe: label_smoothing, there are no labels; cutout, nothing in an image" in out
    mine = study / "retrain" / "mine"
    result = read_json(mine / "result.json")
    assert set(result["test"]) == {"loss", "rmse_percent", "abs_rel", "delta1_percent"}
    # Two seeds have no interval.
    assert all(figure["low"] is None and figure["mean"] > 0 for figure in result["test"].values())
    assert (result["label_smoothing"], OmegaConf.load(mine / "config.yaml").data.cutout) == (0, 0)
    code, _, errors = in_process(
        "retrain", f"run={search}", *short[:3], "folder=other", "label_smoothing=0.1"
    )
    assert code == 2
    assert errors == "Error: label_smoothing=0.1: Depth has no labels; pass label_smoothing=0\n"
    assert not (study / "retrain" / "other").exists()
    code, _, errors = in_process("export", f"run={mine}", "seed=1")
    assert code == 0, errors
    about = read_json(mine / "export" / "model.json")
    assert "classes" not in about
    assert about["output"]["name"] == "inverse_depth"
    assert "up to scale and shift" in about["output"]["meaning"]
    scenes = ShapesDepth(Scenes(scenes=96, test_scenes=24, resolution=16)).read().test
    arrays, maps = study / "scenes.npz", study / "maps.npz"
    np.savez(arrays, images=scenes.images)
    call = [sys.executable, "-c", USE, str(mine / "export"), str(arrays), str(maps)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = np.load(maps)
    np.testing.assert_allclose(found["onnx"], found["torch"], rtol=1e-3, atol=1e-4)
    sums = Depth().measure(torch.from_numpy(found["torch"]), torch.from_numpy(scenes.targets))
    tested = [result["trainings"][1][score.column] for score in Depth.scores.values()]
    np.testing.assert_allclose(sums / len(scenes.images), tested, rtol=1e-3)


@pytest.mark.slow  # the pages of docs/ have its commands
def test_every_stage(in_process: InProcess, tmp_path: Path) -> None:
    root, batch = f"root={tmp_path}", "trainer.batch_size=8"
    for command, *options in (
        ("train-landmarks", *DEPTH, *SCENES, *TINY, batch),
        ("search", "-m", *DEPTH, *SCENES, *SHORT, batch, "algo=spos,fairnas", "reg=none,landmark"),
        ("search", *DEPTH, *SCENES, *SHORT, batch, "algo=darts", "algo.alpha_warmup=0.4", "reg=landmark"),
        ("evaluate", "space=depth_decoder", "data=shapes_depth", "bootstrap=100"),
        ("report", "space=depth_decoder", "data=shapes_depth"),
    ):
        code, _, errors = in_process(command, *options, root)
        assert code == 0, errors
    study = tmp_path / "depth_decoder-shapes_depth"
    assert len(list(study.glob("search/*/result.json"))) == 5
    assert undescribed(study) == set()
    metrics = pd.read_csv(study / "evaluate" / "metrics.csv")
    assert set(metrics["score"]) == {"loss", "rmse", "abs_rel", "delta1"}
    for path in study.glob("search/*/metrics.csv"):
        rows = pd.read_csv(path)
        assert "train_loss" in rows
        assert rows["train_loss"].notna().all()

    # The landmarks are ordered by their error; lower is better.
    manifest = read_json(study / "landmarks" / "manifest.json")
    assert manifest["landmarks"]["column"] == "rmse_percent"
    table = pd.read_csv(study / "landmarks" / "landmarks.csv").set_index("arch")["rmse_percent"]
    pictures = read_examples(study / "landmarks" / "pictures.npz")
    assert pictures is not None
    assert pictures.images.shape[1:] == (16, 16, 3)
    shown = pictures.predictions
    assert {name: shown[name].arch for name in shown} == {"best": table.idxmin(), "worst": table.idxmax()}
    assert shown["best"].score == pytest.approx(table.min())
    for one in shown.values():  # aligned to the truth: no other scale or shift fits better
        seen = np.isfinite(pictures.truth)
        for truth, maps, where in zip(pictures.truth, one.maps, seen, strict=True):
            slope, shift = np.polyfit(maps[where], truth[where], 1)
            assert (slope, shift) == (pytest.approx(1, abs=1e-2), pytest.approx(0, abs=1e-2))
    page = (study / "report" / "index.html").read_text()
    assert "What landmarks predict" in page
    # The commands on the page work.
    commands = re.findall(r"lmreg (?:train-landmarks|search) root=.*", page)
    assert len(commands) == 6
    assert all(" task=depth " in line for line in commands)
    embedded = re.findall(r'<img src="data:image/png;base64,([^"]+)"', page)
    assert len(embedded) == 4 * len(pictures.images)  # image, truth, best, worst
    first = np.asarray(Image.open(io.BytesIO(base64.b64decode(embedded[0]))))
    assert np.array_equal(first[::9, ::9], pictures.images[0])


def test_an_interrupted_search_ends_like_an_uninterrupted_one(
    in_process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = (*DEPTH, *SCENES, "trainer.batch_size=8", "trainer.steps=8", "reg=none", "strategy.budget=2")
    loss, calls = Depth.loss, 0

    def counted(self: Depth, outputs: Tensor, targets: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 8 + 5:  # in the second search's fifth step
            os.kill(os.getpid(), signal.SIGTERM)
        return loss(self, outputs, targets)

    monkeypatch.setattr(Depth, "loss", counted)
    codes = [
        in_process("search", *given, f"root={tmp_path / name}")[0] for name in ("whole", "parts", "parts")
    ]
    assert codes == [0, 128 + signal.SIGTERM, 0]
    assert calls == 8 + 8
    for file in ("metrics.csv", "candidates.csv"):
        whole, parts = (
            next((tmp_path / n).glob(f"*/search/*/{file}")).read_text() for n in ("whole", "parts")
        )
        assert whole == parts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("task=depth",),
            "task=depth takes inverse depth per pixel, but data=fashion_mini gives one label",
        ),
        (("data=shapes_depth",), "with this task take data=cifar10.*with this data task=depth"),
        (("task=depth", "data=shapes_depth"), "needs networks that give maps.*take space=depth_decoder"),
        (("space=depth_decoder",), "task=classification needs networks that give one output per image"),
    ],
)
def test_wrong_combinations(
    in_process: InProcess, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    for command in ("train-landmarks", "search"):
        code, _, errors = in_process(command, *options, f"root={tmp_path}")
        assert code == 2
        assert re.search(message, errors)
        assert len(errors.strip().splitlines()) == 1
