"""The commands and code of the README, the demo and the pages of ``docs/``, run at a tiny size."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import lmreg
from lmreg.space.nasbench201 import NASBench201
from tests.benchmark.published import write_macro, write_nasbench101, write_nds
from tests.conftest import EVERY_PROCESS, ROOT, InProcess, last_given
from tests.documents import DOCS, PAGES, blocks, files_of

SMALL_TRAINING = ("trainer.steps=6", "trainer.batch_size=8", "network.channels=4", "threads=1")
SIZES = {
    "train-landmarks": (*SMALL_TRAINING, "workers=1"),
    "search": (
        *SMALL_TRAINING,
        *("log_every=3", "scoring.images=64", "scoring.calibration_images=64", "strategy.budget=4"),
    ),
    "evaluate": ("bootstrap=100", "threads=1"),
    "retrain": ("trainer.steps=6", "trainer.batch_size=8", "network.channels=5", "seeds=2", "threads=1"),
}
STUDY = Path("outputs") / "nasbench201-fashion_mini"
"""Where the commands without a study of their own lead."""


def commands(text: str) -> list[str]:
    """The ``lmreg`` calls of a script: continuation lines joined, comments and pipes cut off."""
    lines = [re.split(r"\s#", line)[0] for line in text.replace("\\\n", " ").splitlines()]
    calls = [re.search(r"lmreg [a-z-]+(?= |$|\)).*", line) for line in lines]
    found = [re.split(r"\)\"|\s+>", call[0])[0] for call in calls if call]
    return [" ".join(shlex.split(call)[1:]) for call in found]


DEMO = commands((ROOT / "scripts" / "demo.sh").read_text())
BY_PAGE = {path: commands("".join(blocks(text, "bash"))) for path, text in PAGES.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with what the pages take for granted: the files that they show, tables, and images."""
    root = tmp_path_factory.mktemp("readme")
    for page in PAGES.values():
        for name, content in files_of(page).items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text(content)
    rng = np.random.default_rng(0)
    space = NASBench201()
    archs = {space.canonical(a): a for a in (space.sample(rng) for _ in range(60))}.values()
    scores = rng.uniform(60, 90, (2, len(archs)))
    columns = {"arch": map(space.format, archs), "valid_acc": scores[0], "test_acc": scores[1]}
    pd.DataFrame(columns).to_csv(root / "nasbench201.csv", index=False)
    write_nasbench101(root / "nasbench_only108.tfrecord", 16)
    write_nds(root / "ENAS_fix-w-d.json", 16)
    write_macro(root / "nas-bench-macro_cifar10.json", 16)
    for label in ("cat", "dog"):
        images = root / "my_images" / label
        images.mkdir(parents=True)
        for i in range(40):
            Image.fromarray(rng.integers(255, size=(20, 24, 3), dtype=np.uint8)).save(images / f"{i}.png")
    write_depth(root / "my_depth", rng)
    parts = {
        f"{part}_{name}": rng.integers(size, size=shape, dtype=np.uint8)
        for part in ("train", "test")
        for name, size, shape in (("images", 255, (40, 8, 8, 1)), ("labels", 2, (40,)))
    }
    np.savez(root / "images.npz", classes=np.array(["cat", "dog"]), **parts)  # type: ignore[arg-type]
    cifar = root / "path" / "to" / "cifar10"
    cifar.mkdir(parents=True)
    for part in ("train", "test"):
        pictures = [(root / f"my_images/cat/{i}.png").read_bytes() for i in range(40)]
        rows = [{"bytes": picture, "path": f"{i}.png"} for i, picture in enumerate(pictures)]
        labels = [i % 10 for i in range(40)]
        pd.DataFrame({"img": rows, "label": labels}).to_parquet(cifar / f"{part}.parquet")
    return root


def write_depth(folder: Path, rng: np.random.Generator) -> None:
    """40 pairs of an image and its depth in millimetres."""
    for name in ("images", "depth"):
        (folder / name).mkdir(parents=True)
    for i in range(40):
        Image.fromarray(rng.integers(255, size=(32, 32, 3), dtype=np.uint8)).save(folder / f"images/{i}.png")
        depth = rng.integers(1000, 9000, size=(32, 32), dtype=np.uint16)
        Image.fromarray(depth).save(folder / f"depth/{i}.png")


def tiny(call: str, folder: Path) -> list[str]:
    """``call`` at a small size, and with the folder of a real run for <study>, <run> and <name>."""
    args = call.replace("~", str(folder)).split()
    if "--help" in args or "--cfg" in args:
        return args
    command, *options = args
    extra = list(SIZES.get(command, ()))
    sized = {"network.channels", "network.cells", "trainer.epochs", "strategy.budget"}
    options = [option for option in options if option.partition("=")[0] not in sized]
    if command == "train-landmarks":
        extra += ["landmarks.count=4", "landmarks.pool=5"]
        own = ("space=", "space._", "data=folder", "data=shapes_depth", "data=depth_folder", "data._target_=")
        if any(option.startswith(own) for option in options):
            extra.append("landmarks.pool_seeds=1")  # the demo's study has several
    if command == "search":
        # The first of several algorithms: all go through every stage in tests/commands/test_algorithms.py.
        options = [re.sub(r"^(algo=\w+),.*", r"\1", option) for option in options]
        options = [o.replace("seed=0,1,2", "seed=0").replace("weight=5,10", "weight=5") for o in options]
        options = ["landmarks.add=2" if o.startswith("landmarks.add=") else o for o in options]
        if "strategy=evolution" in options:
            extra += ["strategy.population=2", "strategy.tournament=2"]
    if "selector=stratified" in options:
        extra.append("selector.candidates=10")
    if "selector=spaced" in options:
        extra.append("selector.min_distance=2")
        options.remove("selector.min_distance=4")
    if "data=shapes_depth" in options and command in ("train-landmarks", "search"):
        extra += ["data.scenes=64", "data.test_scenes=16"]
    if "data=cifar10" in options and command == "train-landmarks":
        extra += ["data.resolution=8", "data.path=path/to/cifar10"]
    if command == "export" and ("depth" in call or "my_parts" in call):
        extra.append("onnx=false")  # test_export.py has it for every space
    return last_given(command, *map(with_real_run, options), *extra)


def with_real_run(option: str) -> str:
    """``run=outputs/<study>/...`` with the first folder that there is of that kind."""
    if not option.startswith("run=") or "<" not in option:
        return option
    pattern = option.partition("=")[2].replace("<study>", STUDY.name)
    results = sorted(Path().glob(re.sub("<run>|<name>", "*", pattern) + "/result.json"))
    return f"run={results[0].parent}"


def test_the_pages_and_the_demo_have_commands() -> None:
    found = {call.split()[0] for calls in BY_PAGE.values() for call in calls}
    assert found == {
        *("train-landmarks", "search", "evaluate", "report", "runs", "completion", "import-benchmark"),
        *("retrain", "export"),
    }
    assert [call.split()[0] for call in DEMO] == ["train-landmarks", "search", "evaluate", "report"]


def test_no_command_is_outside_the_blocks_that_are_run() -> None:
    for path, text in PAGES.items():
        rest = re.sub(r"^```(bash|console)\n.*?^```$", "", text, flags=re.M | re.S)
        assert re.findall(r"^(?: {4,}|\$ )lmreg [a-z].*", rest, re.M) == [], path


def test_every_command_runs(folder: Path, in_process: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(sys, "argv", ["lmreg"])
    done: set[str] = set()
    for path, calls in {ROOT / "scripts" / "demo.sh": DEMO, **BY_PAGE}.items():
        before = set(STUDY.glob("search/*"))
        for call in calls:
            if call not in done:
                code, out, errors = in_process(*tiny(call, folder))
                assert code == 0, f"{path.name}: lmreg {call}\n{errors}"
                assert out, call
                done.add(call)
        if path.parent == DOCS:  # the searches of one page needn't be evaluated by the next
            for run in set(STUDY.glob("search/*")) - before:
                shutil.rmtree(run)
    for study in ("nasbench201-fashion_mini", "nasbench201-my_images"):
        assert (folder / "outputs" / study / "report" / "index.html").stat().st_size > 10_000
    assert list((folder / "outputs" / "by-table" / "evaluate").glob("scores-*.csv"))
    (exported,) = (folder / "outputs" / "nasbench201-my_images" / "retrain").glob("*/export")
    (line,) = as_the_page_uses(exported, [folder / "my_images" / "cat" / "0.png"])
    assert line["class"] in ("cat", "dog")


KINDS = {
    "import lmreg\n": "the Python API",
    "import json\n": "an exported network",
    "import onnxruntime\n": "an exported network",
    "slope, shift = ": "depth in metres",
    "# added to src/": "a change of lmreg",
    "study = lmreg.Study(\n": "own parts in Python",
}
"""By their beginning, the Python blocks that aren't files; each kind has its test here."""


def of_kind(kind: str) -> list[str]:
    starts = tuple(start for start, name in KINDS.items() if name == kind)
    code = [block for text in PAGES.values() for block in blocks(text, "python")]
    return [block for block in dict.fromkeys(code) if block.startswith(starts)]


def test_every_python_block_has_its_test() -> None:
    for path, text in PAGES.items():
        for block in blocks(text, "python"):
            assert block in files_of(text).values() or block.startswith(tuple(KINDS)), f"{path}: {block}"


def test_the_python_api_does_what_the_pages_say(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the study of the commands, where there is little left to do."""
    monkeypatch.chdir(folder)
    sizes = [option for command in SIZES for option in SIZES[command] if command != "retrain"]
    for code in of_kind("the Python API"):
        assert 'root="outputs")' in code
        code = code.replace('root="outputs")', f'root="outputs", overrides={list(dict.fromkeys(sizes))})')
        code = code.replace("count=30, pool=32", "count=4, pool=5").replace("trainer.epochs=10", "seed=0")
        exec(code, made := {})  # type: ignore[var-annotated]
        assert set(made["table"]["statistic"]) >= {"kendall_tau", "regret"}
        assert made.get("network", True)
    assert made["run"].folder.parent.parent.resolve() == (folder / STUDY).resolve()


def test_the_space_of_the_page_passes_its_checks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(folder))
    module = importlib.import_module("my_parts.test_kernels")
    for test in (module.test_space, module.test_network):
        ((_, checks),) = (mark.args for mark in test.pytestmark)
        for check in checks:
            test(check)


def test_own_parts_work_in_python_as_the_page_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(folder))
    (code,) = of_kind("own parts in Python")
    exec(code, made := {"lmreg": lmreg})
    study: lmreg.Study = made["study"]
    assert study.name == "kernels-fashion_mini"
    assert type(study.space) is importlib.import_module("my_parts.kernels").Kernels


def test_metres_of_the_page() -> None:
    (code,) = of_kind("depth in metres")
    metres = np.random.default_rng(0).uniform(1, 9, (4, 4))
    values = {"np": np, "metres": metres, "known": metres > 2, "predicted": 3 / metres + 1}
    exec(code, values)
    np.testing.assert_allclose(values["depth"], metres)


@pytest.mark.slow
def test_a_pair_loss_and_a_choice_are_added_as_the_page_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a copy of lmreg, whose options are what its files say when it is imported."""
    tree = folder / "changed"
    for name in ("src", "conf", "scripts"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    (code,) = of_kind("a change of lmreg")
    first, _, added = code.partition("\n")
    file = tree / first.removeprefix("# added to ")
    function, table, rows = added.partition("PAIR_LOSSES: ")
    head, _, row = rows.partition("    # and so on\n")
    before, there, after = file.read_text().partition(table + head)  # the table begins as the page shows it
    assert there
    assert after.endswith("\n}\n")
    file.write_text(f"{before}{function}{there}{after[:-2]}{row}")  # without its last line
    shutil.copy(folder / "my_parts" / "siblings.py", tree / "src" / "lmreg" / "algo")
    (call,) = commands("".join(blocks(PAGES[DOCS / "extending.md"], "console")))
    monkeypatch.chdir(folder)
    landmarks, search = (tiny(some, folder) for some in ("train-landmarks", f"{call} algo=siblings"))
    script = (
        "import sys, pathlib, lmreg; from lmreg.cli.main import main\n"
        "assert pathlib.Path(lmreg.__file__).is_relative_to(sys.argv[1])\n"
        f"main({search!r}, prog_name='lmreg')"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tree / 'src'}{os.pathsep}{EVERY_PROCESS}"}
    subprocess.run([sys.executable, tree / "scripts" / "conf.py"], env=environment, check=True)
    assert "neighbours: 1" in (tree / "conf" / "algo" / "siblings.yaml").read_text()
    if not (STUDY / "landmarks" / "manifest.json").exists():
        subprocess.run([sys.executable, "-m", "lmreg", *landmarks], env=environment, check=True)
    done = subprocess.run(
        [sys.executable, "-c", script, tree], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "squared_hinge" in done.stdout


# The page's lines for each picture, with no lmreg around; its files end in .png, whatever they are.
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


def as_the_page_uses(exported: Path, pictures: list[Path], onnx: bool = True) -> list[dict[str, Any]]:
    """Run the page's lines for exported files in their folder on each of ``pictures``: the class that they
    print and the logits, which are those of torch and of ONNX Runtime where that is used."""
    with_torch, with_onnx = of_kind("an exported network")
    call = [sys.executable, "-c", USED, with_torch, with_onnx if onnx else "", *map(str, pictures)]
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


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow if case == "narrow" else ()) for case in CASES]
)
def test_exported_files_used_as_the_page_shows_do_what_they_did_in_training(
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
    found = as_the_page_uses(retrained / "export", pictures, onnx=False)
    right = np.array([one["class"] == path.parent.name for one, path in zip(found, pictures, strict=True)])
    (tested,) = json.loads((retrained / "result.json").read_text())["trainings"]
    assert 100 * right.mean() == pytest.approx(tested["accuracy_percent"])
    assert right.all()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_completion_line_of_the_pages_works_in_bash() -> None:
    text = PAGES[DOCS / "getting-started.md"]
    (line,) = re.findall(r'^(eval "\$\(lmreg completion bash\)")', text, re.M)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"{line}; complete -p lmreg"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert "lmreg" in done.stdout, done.stderr
