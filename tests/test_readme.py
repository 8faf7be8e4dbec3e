"""Every command of the README and of the demo, run as it stands there, but at a tiny size."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lmreg.space.nasbench201 import NASBench201
from tests.benchmark.published import write_macro, write_nasbench101, write_nds
from tests.conftest import ROOT, InProcess, last_given

SMALL_TRAINING = ("trainer.steps=8", "trainer.batch_size=8", "network.channels=4", "threads=1")
SIZES = {
    "train-landmarks": ("landmarks.count=4", "landmarks.pool=5", "workers=1"),
    "search": ("log_every=4", "scoring.images=64", "scoring.calibration_images=64"),
    "evaluate": ("bootstrap=100", "threads=1"),
    "retrain": ("trainer.steps=8", "trainer.batch_size=8", "threads=1"),
}


def commands(text: str) -> list[str]:
    """The ``lmreg`` calls in indented blocks and scripts, continuation lines joined, comments cut off."""
    lines = [re.split(r"\s#", line)[0] for line in text.replace("\\\n", " ").splitlines()]
    calls = [re.search(r"lmreg [a-z-]+(?= |$|\)).*", line) for line in lines if not line.startswith("|")]
    found = [re.split(r"\)\"|\s+>", call[0])[0] for call in calls if call]
    return [" ".join(shlex.split(call)[1:]) for call in found]


README = (ROOT / "README.md").read_text()
BLOCKS = "\n".join(line for line in README.splitlines() if line.startswith("    "))
DEMO = (ROOT / "scripts" / "demo.sh").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with what the README takes for granted: tables, images, CIFAR-10, a space."""
    root = tmp_path_factory.mktemp("readme")
    rng = np.random.default_rng(0)
    space = NASBench201()
    archs = {space.canonical(a): a for a in (space.sample(rng) for _ in range(60))}.values()
    scores = rng.uniform(60, 90, (2, len(archs)))
    columns = {"arch": map(space.format, archs), "valid_acc": scores[0], "test_acc": scores[1]}
    pd.DataFrame(columns).to_csv(root / "nasbench201.csv", index=False)
    write_nasbench101(root / "nasbench_only108.tfrecord", 16)
    write_nds(root / "ENAS_fix-w-d.json", 16)
    write_macro(root / "nas-bench-macro_cifar10.json", 16)
    (own,) = re.findall(r"^    # my_space\.yaml\n((?:    .*\n)+)", README, re.M)
    (root / "my_space.yaml").write_text(textwrap.dedent(own))
    for label in ("cat", "dog"):
        images = root / "my_images" / label
        images.mkdir(parents=True)
        for i in range(40):
            Image.fromarray(rng.integers(255, size=(20, 24, 3), dtype=np.uint8)).save(images / f"{i}.png")
    cifar = root / "path" / "to" / "cifar10"
    cifar.mkdir(parents=True)
    for part in ("train", "test"):
        pictures = [(root / f"my_images/cat/{i}.png").read_bytes() for i in range(40)]
        rows = [{"bytes": picture, "path": f"{i}.png"} for i, picture in enumerate(pictures)]
        labels = [i % 10 for i in range(40)]
        pd.DataFrame({"img": rows, "label": labels}).to_parquet(cifar / f"{part}.parquet")
    return root


def tiny(call: str, folder: Path) -> list[str]:
    """``call`` with sizes added, and the folder of a real run for the README's <study> and <run>."""
    args = call.replace("~", str(folder)).split()
    command = args[0]
    extra = list(SIZES.get(command, ()))
    if "--help" in args or "--cfg" in args:
        return args
    if command in ("train-landmarks", "search"):
        extra += SMALL_TRAINING
        args = [a for a in args if not a.startswith("trainer.epochs=")]
    if command == "search":
        args = [a for a in args if not a.startswith("strategy.budget=")]
        extra.append("strategy.budget=4")
        if "strategy=evolution" in args:
            extra += ["strategy.population=2", "strategy.tournament=2"]
        args = ["landmarks.add=2" if a.startswith("landmarks.add=") else a for a in args]
        # Each run is scored and drawn again by every evaluation that follows.
        args = [a.replace("seed=0,1,2", "seed=0,1").replace("reg.weight=5,10", "reg.weight=5") for a in args]
        # All of them go through every stage in tests/commands/test_algorithms.py.
        args = ["algo=spos,darts" if a.startswith("algo=spos,spos_unique,fairnas") else a for a in args]
    if "selector=stratified" in args:
        extra.append("selector.candidates=10")
    if "selector=spaced" in args:
        extra.append("selector.min_distance=2")
        args.remove("selector.min_distance=4")
    if "data=shapes_depth" in args and command in ("train-landmarks", "search"):
        extra += ["data.scenes=64", "data.test_scenes=16"]
    if "data=cifar10" in args:
        extra += ["data.resolution=8"] if command == "train-landmarks" else []
        if command == "train-landmarks" and not any(a.startswith("data.path") for a in args):
            extra.append("data.path=path/to/cifar10")
    return [*args, *extra]


def with_real_run(arg: str) -> str:
    """``run=outputs/<study>/...`` with the first folder that there is of that kind."""
    if not arg.startswith("run=") or "<" not in arg:
        return arg
    pattern = arg.partition("=")[2].replace("<study>", "nasbench201-fashion_mini")
    results = sorted(Path().glob(re.sub("<run>|<name>", "*", pattern) + "/result.json"))
    return f"run={results[0].parent}"


def test_the_readme_and_the_demo_have_commands() -> None:
    found = {call.split()[0] for call in commands(BLOCKS)}
    assert found == {
        *("train-landmarks", "search", "evaluate", "report", "runs", "completion", "import-benchmark"),
        *("retrain", "export"),
    }
    assert [call.split()[0] for call in commands(DEMO)] == ["train-landmarks", "search", "evaluate", "report"]


def test_every_command_of_the_readme_and_the_demo(
    folder: Path, in_process: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(sys, "argv", ["lmreg"])
    for call in dict.fromkeys([*commands(DEMO), *commands(BLOCKS)]):
        args = tiny(call, folder)
        args = [with_real_run(arg) for arg in args]
        if args[0] == "retrain":  # the README's larger network, but not here
            args = [a for a in args if not a.startswith("network.")] + ["network.channels=5"]
        if args[0] == "export":
            pytest.importorskip("onnxruntime")  # comes last
        code, out, errors = in_process(*last_given(*args))
        assert code == 0, f"lmreg {call}\n{errors}"
        assert out, call
    for study in ("nasbench201-fashion_mini", "nasbench201-my_images"):
        assert (folder / "outputs" / study / "report" / "index.html").stat().st_size > 10_000
    assert list((folder / "outputs" / "by-table" / "evaluate").glob("scores-*.csv"))

    (exported,) = (folder / "outputs" / "nasbench201-my_images" / "retrain").glob("*/export")
    (line,) = as_the_readme_uses(exported, [folder / "my_images" / "cat" / "0.png"])
    assert line["class"] in ("cat", "dog")


# The README's lines for each picture, with no lmreg around; its files end in .png, whatever they are.
USED = """
import sys; sys.modules["lmreg"] = None
import contextlib, io, json, shutil

with_torch, with_onnx, *pictures = sys.argv[1:]
for picture in pictures:
    for name in ("picture.png", "other.jpg"):
        shutil.copy(picture, name)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(with_torch, by_torch := {})
    found = {"class": said.getvalue().strip(), "torch": by_torch["logits"].tolist()}
    if with_onnx:
        exec(with_onnx, by_onnx := {})
        found["onnx"] = by_onnx["logits"].tolist()
    print(json.dumps(found))
"""


def as_the_readme_uses(exported: Path, pictures: list[Path], onnx: bool = True) -> list[dict[str, Any]]:
    """What the README's lines for exported files, run in their folder, make of each of ``pictures``: the
    class that they print and the logits, which are those of torch and of ONNX Runtime where that is used."""
    lines = [
        textwrap.dedent(block)
        for start in ("import json", "import onnxruntime")
        for block in re.findall(rf"^    {start}\n(?:    .*\n|\n)+", README, re.M)
    ]
    assert len(lines) == 2
    lines[1:] = lines[1:] if onnx else [""]
    call = [sys.executable, "-c", USED, *lines, *map(str, pictures)]
    done = subprocess.run(call, cwd=exported, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for one in found if onnx else ():
        assert len(one["onnx"]) == 2  # it was given two files
        np.testing.assert_allclose(one["onnx"], one["torch"] * 2, rtol=1e-3, atol=1e-4)
    return found


def turned(bar: np.ndarray, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # as a camera tells that it was held upright
    Image.fromarray(np.rot90(bar).copy()).save(path, "JPEG", quality=95, exif=exif)


def ink(bar: np.ndarray, path: Path) -> None:
    """Black on nothing."""
    picture = np.zeros((*bar.shape, 4), np.uint8)
    picture[..., 3] = bar
    Image.fromarray(picture).save(path)


def narrow(bar: np.ndarray, path: Path) -> None:
    """16 bits, of which the samples have a few values."""
    Image.fromarray(bar.astype(np.uint16) + 1025).save(path)


CASES: dict[str, Callable[[np.ndarray, Path], None]] = {"turned": turned, "ink": ink, "narrow": narrow}


@pytest.mark.parametrize("case", CASES)
def test_exported_files_used_as_the_readme_shows_do_what_they_did_in_training(
    tmp_path: Path, in_process: InProcess, rng: np.random.Generator, case: str
) -> None:
    """Every test picture of a folder gets the class that the retraining's own test gave it."""
    pytest.importorskip("safetensors")
    for part, count in (("train", 40), ("test", 12)):
        for label, name in enumerate(("upright", "level")):
            (tmp_path / case / part / name).mkdir(parents=True)
            for i in range(count):
                bar, at = rng.integers(20, 60, (18, 16), dtype=np.uint8), rng.integers(2, 12)
                bar[(slice(None), slice(at, at + 3)) if label == 0 else (slice(at, at + 3), slice(None))] = (
                    230
                )
                CASES[case](bar, tmp_path / case / part / name / f"{i:02d}.png")
    small = ("network.channels=4", "network.cells=1", "trainer.batch_size=16", "trainer.epochs=12", "seeds=1")
    arch = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
    data = ("data=folder", f"data.path={tmp_path / case}", "data.resolution=12", f"root={tmp_path / 'out'}")
    code, _, errors = in_process("retrain", f"arch={arch}", *data, *small, "folder=r", "threads=1")
    assert code == 0, errors
    retrained = tmp_path / "out" / f"nasbench201-{case}" / "retrain" / "r"
    code, _, errors = in_process("export", f"run={retrained}", "onnx=false")
    assert code == 0, errors
    pictures = sorted((tmp_path / case / "test").glob("*/*"))
    found = as_the_readme_uses(retrained / "export", pictures, onnx=False)
    right = np.array([one["class"] == path.parent.name for one, path in zip(found, pictures, strict=True)])
    (tested,) = json.loads((retrained / "result.json").read_text())["trainings"]
    assert 100 * right.mean() == pytest.approx(tested["accuracy_percent"])
    assert right.all()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_completion_line_of_the_readme_works_in_bash() -> None:
    (line,) = re.findall(r'^    (eval "\$\(lmreg completion bash\)")', README, re.M)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"{line}; complete -p lmreg"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert "lmreg" in done.stdout, done.stderr


def test_pictures_and_files_that_the_readme_names_are_there() -> None:
    for path in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / path).exists(), path
