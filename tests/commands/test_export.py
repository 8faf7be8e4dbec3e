"""From a folder of images to files that don't need lmreg, as in the README."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import InProcess
from tests.described import undescribed

from lmreg.config import catalogue
from lmreg.config.build import choice_of
from lmreg.space.base import Space
from lmreg.util.files import read_json

CLASSES = ("cat", "dog")

# How a user uses the files; lmreg can't be imported.
USE = """
import importlib, json, sys
from pathlib import Path

sys.modules["lmreg"] = None
import onnxruntime, torch

images, *folders = sys.argv[1:]
for folder in map(Path, folders):
    about = json.loads((folder / "model.json").read_text())
    files = sorted(Path(images).glob("*/*"))
    labels = [about["classes"].index(path.parent.name) for path in files]
    sys.path.insert(0, str(folder))
    for name in ("model", "preprocess"):
        sys.modules.pop(name, None)
    model = importlib.import_module("model").load()
    x = importlib.import_module("preprocess").preprocess(files)
    sys.path.pop(0)
    logits = model(torch.from_numpy(x))
    labels = torch.tensor(labels)
    found = {
        "accuracy_percent": 100 * (logits.argmax(1) == labels).double().mean().item(),
        "loss_nats": torch.nn.functional.cross_entropy(logits, labels).item(),
        "logits": logits.tolist(),
        "alone": model(torch.from_numpy(x[:1])).tolist(),
    }
    if (folder / "model.onnx").exists():
        file = str(folder / "model.onnx")
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        found["onnx"] = session.run(["logits"], {"images": x})[0].tolist()
        found["onnx_alone"] = session.run(None, {"images": x[:1]})[0].tolist()
    print(json.dumps(found))
"""


def used(images: Path, folders: list[Path]) -> Iterator[dict[str, Any]]:
    """Return the outputs of the files in each of ``folders`` for the test images, from another process."""
    call = [sys.executable, "-c", USE, str(images), *map(str, folders)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(folders)
    return map(json.loads, lines)


def same_figures(found: dict[str, Any], tested: dict[str, Any], onnx: bool = True) -> None:
    """Check that the files reproduce the retraining's test scores with torch and onnxruntime (``onnx``)."""
    assert found["accuracy_percent"] == pytest.approx(tested["accuracy_percent"], abs=1e-3)
    assert found["loss_nats"] == pytest.approx(tested["loss_nats"], rel=1e-4)
    logits = torch.tensor(found["logits"])
    assert logits.std(0).min() > 1e-3  # outputs depend on the image
    for other in ("alone", *(("onnx", "onnx_alone") if onnx else ())):
        mine = torch.tensor(found[other])
        torch.testing.assert_close(mine, logits[: len(mine)], rtol=1e-3, atol=1e-4)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two official parts of 8×8 colour images of two classes, one of them brighter."""
    root, rng = tmp_path_factory.mktemp("images") / "my_images", np.random.default_rng(0)
    for part, count in (("train", 32), ("test", 10)):
        for brightness, label in zip((150, 255), CLASSES, strict=True):
            (root / part / label).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(brightness, size=(8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / part / label / f"{i}.png")
    return root


@pytest.fixture
def extra_is_here() -> None:
    for package in ("safetensors", "onnxruntime", "onnxscript"):
        pytest.importorskip(package)


QUICK = ("trainer.batch_size=8", "threads=1")


def test_from_images_to_files_to_deploy(
    in_process: InProcess,
    tmp_path: Path,
    images: Path,
    extra_is_here: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = ("network.channels=2", "trainer.steps=3", *QUICK)
    data = ("data=folder", f"data.path={images}", f"root={tmp_path}")
    landmarks = ("landmarks.count=3", "landmarks.pool=2", "landmarks.seeds=1", "landmarks.pool_seeds=1")
    study = tmp_path / "nasbench201-my_images"
    for call in (
        ("train-landmarks", *landmarks, "workers=1", *small, *data),
        ("search", "reg=landmark", "strategy.budget=2", *small, *data),
    ):
        code, _, errors = in_process(*call)
        assert code == 0, errors
    (search,) = (study / "search").iterdir()
    retrain = ("retrain", f"run={search}", "network.channels=4", "trainer.steps=40", "seeds=2", *QUICK)
    code, _, errors = in_process(*retrain)
    assert code == 0, errors
    (retrained,) = (study / "retrain").iterdir()
    code, out, errors = in_process("export", f"run={retrained}", "seed=1")
    assert code == 0, errors
    assert "model.py, model.safetensors, model.json, model.onnx, preprocess.py" in out
    assert 'logits = load()(torch.from_numpy(preprocess("picture.png")))' in out
    assert errors == ""
    assert undescribed(study) == set()
    files = {"model.py", "model.safetensors", "model.json", "model.onnx", "preprocess.py"}
    assert {p.name for p in (retrained / "export").iterdir()} == files
    about = read_json(retrained / "export" / "model.json")
    assert (about["classes"], about["seed"]) == (list(CLASSES), 1)
    assert about["input"] == {"channels": 3, "height": 8, "width": 8}
    trainings = read_json(retrained / "result.json")["trainings"]
    assert trainings[0]["loss_nats"] != trainings[1]["loss_nats"]
    (found,) = used(images / "test", [retrained / "export"])
    same_figures(found, trainings[1])

    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.onnx").touch()  # of an earlier call, with other weights
    call = ("export", f"run={retrained}", f"out={tmp_path / 'other'}", "onnx=false")
    code, out, errors = in_process(*call)
    assert code == 0, errors
    assert "other, from the training with seed 0: model.py" in out
    assert {p.name for p in (tmp_path / "other").iterdir()} == files - {"model.onnx"}
    assert read_json(tmp_path / "other" / "model.json")["seed"] == 0
    code, _, errors = in_process("export", f"run={retrained}", "seed=7")
    assert code == 2
    assert "has trainings with seed 0, 1 only" in errors
    for package in ("safetensors", "onnxruntime"):
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, package, None)  # as if it were not installed
            code, _, errors = in_process("export", f"run={retrained}")
        assert code == 2
        message = f"Error: export needs the package {package}; install it with: pip install 'lmreg[export]'"
        assert errors.strip() == message
    (searched,) = retrained.parent.parent.glob("search/*/")
    code, _, errors = in_process("export", f"run={searched}")
    assert code == 2
    assert f"is the folder of a search; 'lmreg retrain run={searched}' comes first" in errors
    (retrained / "result.json").unlink()
    code, _, errors = in_process("export", f"run={retrained}")
    assert code == 2
    assert "is not finished; its retrain command goes on with it" in errors
    assert len(errors.strip().splitlines()) == 1


# By space, options that keep its network small.
SIZES = {
    "nasbench201": ("network.channels=2",),
    "nasbench101": ("network.channels=4",),
    "darts": ("network.channels=2",),
    "nds": ("network.channels=2",),
    "macro": ("network.channels=2",),
    "custom": ("network.channels=4",),
    "mbconv": ("network.channels=4", "network.widths=[4,4,8]", "network.head=8"),
}


def genotype(*cells: str) -> str:
    """Return the text of a normal and a reduction cell from the names of their eight operations."""
    places = (0, 1, 0, 2, 1, 3, 2, 4)  # the nodes that they read
    normal, reduction = (list(zip(cell.split(), places, strict=True)) for cell in cells)
    joined = [2, 3, 4, 5]
    return f"Genotype(normal={normal}, normal_concat={joined}, reduce={reduction}, reduce_concat={joined})"


SKIPS = "skip_connect skip_connect"
# Architectures of the large networks that have every operation once, to save time; any of the others.
ARCHS = {
    "darts": genotype(
        f"sep_conv_3x3 skip_connect skip_connect dil_conv_5x5 max_pool_3x3 skip_connect {SKIPS}",
        f"dil_conv_3x3 skip_connect avg_pool_3x3 skip_connect sep_conv_5x5 skip_connect {SKIPS}",
    ),
    "nds": genotype(
        f"none sep_conv_5x5 skip_connect dil_conv_3x3 avg_pool_3x3 skip_connect {SKIPS}",
        f"skip_connect dil_conv_5x5 max_pool_3x3 skip_connect sep_conv_3x3 none {SKIPS}",
    ),
}


# The code of the others consists of the same functions, so the slow part of an export can be left out.
WITH_ONNX = {"nasbench201", "darts", "mbconv"}


def functions(folder: Path) -> set[str]:
    """Return the functions of torch that an exported network's code uses, such as ``nn.Conv2d``."""
    return set(re.findall(r"\b(?:nn|aten)\.\w+(?=\()", (folder / "model.py").read_text()))


# Of the first three, only the code: test_from_images_to_files_to_deploy has all files of one of them.
@pytest.mark.parametrize(
    "spaces", [["macro", "nasbench101", "custom"], pytest.param(list(SIZES), marks=pytest.mark.slow)]
)
def test_files_of_every_space(
    in_process: InProcess, tmp_path: Path, images: Path, extra_is_here: None, spaces: list[str]
) -> None:
    assert set(SIZES) == set(catalogue.choices("space")) - {"depth_decoder"}  # of another task
    folders, trainings = [], []
    for choice in spaces:
        sizes = SIZES[choice]
        cls, config = choice_of("space", choice, Space)
        space: Space = cls(config)  # type: ignore[call-arg]
        arch = ARCHS.get(choice) or space.format(space.sample(np.random.default_rng(3)))
        data = ("data=folder", f"data.path={images}", f"root={tmp_path}", "folder=r")
        call = ("retrain", f"space={choice}", f"arch={arch}", *sizes, *data, "seeds=1", "trainer.steps=40")
        code, _, errors = in_process(*call, *QUICK)
        assert code == 0, errors
        folder = tmp_path / f"{space.name}-my_images" / "retrain" / "r"
        code, _, errors = in_process("export", f"run={folder}", f"onnx={choice in WITH_ONNX}")
        assert code == 0, errors
        folders.append(folder / "export")
        trainings += read_json(folder / "result.json")["trainings"]
    for choice, found, tested in zip(spaces, used(images / "test", folders), trainings, strict=True):
        same_figures(found, tested, onnx=choice in WITH_ONNX)
    if not WITH_ONNX.issubset(spaces):
        return
    made_of = {choice: functions(folder) for choice, folder in zip(spaces, folders, strict=True)}
    converted = set().union(*(made_of[choice] for choice in WITH_ONNX))
    assert {choice: made - converted for choice, made in made_of.items() if made - converted} == {}
