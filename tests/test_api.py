"""The Python API writes the same folders as the command line, returns values, leaves no global changes."""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lmreg
from lmreg.space.nasbench201 import NASBench201
from tests.conftest import InProcess

LANDMARKS = (
    *("landmarks.seeds=1", "landmarks.pool_seeds=2", "trainer.steps=3", "trainer.batch_size=8"),
    *("network.channels=2", "workers=1"),
)
SEARCH = (
    *("trainer.steps=6", "trainer.batch_size=8", "network.channels=2", "strategy.budget=3"),
    *("scoring.images=32", "tracking.every_epochs=null"),
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> lmreg.Study:
    root = tmp_path_factory.mktemp("api") / "my studies"
    study = lmreg.Study(space="nasbench201", data="fashion_mini", root=root, overrides=["threads=1"])
    study.train_landmarks(count=3, pool=5, overrides=LANDMARKS)
    return study


@pytest.fixture(scope="module")
def run(study: lmreg.Study) -> lmreg.Run:
    return study.search(algo="spos", reg="landmark", seed=0, overrides=SEARCH)


def test_every_stage_gives_values_and_prints_nothing(
    study: lmreg.Study, run: lmreg.Run, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lmreg")
    truth = study.train_landmarks(count=3, pool=5, overrides=LANDMARKS)
    assert (len(truth.landmarks.archs), len(truth.pool.archs)) == (3, 5)
    assert study.search(algo="spos", reg="landmark", seed=0, overrides=SEARCH) == run
    with pytest.raises(lmreg.LmregError, match="has no ranking; call Study"):
        assert run.ranking.empty
    table = study.evaluate(overrides=["bootstrap=100"])
    assert set(run.ranking["arch"]) == {study.space.format(arch) for arch in truth.pool.archs}
    assert set(table["run"]) == {run.folder.name}
    assert study.evaluate(run.folder, overrides=["bootstrap=100"]).equals(table)
    assert {"kendall_tau", "regret"} <= set(table["statistic"])
    page = study.report()
    assert page == study.folder / "report" / "index.html"
    assert page.stat().st_size > 10_000
    assert [each.folder for each in study.runs()] == [run.folder]
    assert capfd.readouterr() == ("", "")
    said = caplog.messages
    assert f"{run.folder.name}: finished already" in said
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert any(line.startswith(("Note:", "Warning:")) for line in warned)


def test_one_goes_on_with_what_the_other_began(
    study: lmreg.Study, run: lmreg.Run, in_process: InProcess
) -> None:
    root = str(study.folder.parent)
    code, out, errors = in_process("search", "reg=landmark", "threads=1", f"root={root}", *SEARCH)
    assert code == 0, errors
    assert f"{run.folder.name}: finished already" in out
    code, out, errors = in_process("search", "reg=none", "threads=1", "seed=3", f"root={root}", *SEARCH)
    assert code == 0, errors
    before = {path: path.stat().st_mtime_ns for path in study.folder.glob("search/*/*")}
    other = study.search(reg="none", seed=3, overrides=SEARCH)
    assert other.result["reg"] == "none"
    assert {path: path.stat().st_mtime_ns for path in study.folder.glob("search/*/*")} == before
    names = {path.name for path in study.folder.glob("search/*")}
    assert names == {run.folder.name, other.folder.name}


def test_a_runs_networks_can_be_used(study: lmreg.Study, run: lmreg.Run) -> None:
    assert run.candidates["arch"][0] == study.space.format(run.best)
    assert run.metrics["step"].iloc[-1] == 6
    assert run.tracking.empty
    net, alone = run.network(), run.subnet(run.best)
    images = torch.randn(5, 1, 12, 12)
    with torch.no_grad():
        torch.testing.assert_close(alone(images), net(images, run.best))
        text = "|none~0|+|none~0|nor_conv_3x3~1|+|nor_conv_1x1~0|none~1|skip_connect~2|"
        arch = study.space.parse(text)
        for form in (text, arch.id):
            torch.testing.assert_close(run.subnet(form)(images), net(images, arch))
    for wrong, says in (
        ("2", "arch: '2' is not a NAS-Bench-201 cell; expected"),
        (5, "expected text or an Arch"),
    ):
        with pytest.raises(lmreg.LmregError, match=says):
            run.subnet(wrong)  # type: ignore[arg-type]
    weights = sum(p.numel() for p in alone.parameters())
    assert 0 < weights < sum(p.numel() for p in net.parameters())


def test_from_found_to_used(study: lmreg.Study, run: lmreg.Run) -> None:
    pytest.importorskip("safetensors")
    small = ("seeds=1", "trainer.steps=3", "trainer.batch_size=8", "network.channels=2")
    other = lmreg.Study(root=study.folder.parent, overrides=["threads=1", "network.channels=8"])
    retrained = other.retrain(str(run.folder), overrides=small)  # the call's own override the study's
    assert "channels: 2\n" in (retrained.folder / "config.yaml").read_text()
    assert retrained.folder.parent == study.folder / "retrain"
    assert retrained.result["arch"] == study.space.format(run.best)
    out = retrained.export(overrides=["onnx=false"])
    assert {"model.py", "model.safetensors", "model.json", "preprocess.py"} <= {p.name for p in out.iterdir()}
    arch = study.space.sample(np.random.default_rng(0))
    alone = study.retrain(arch=arch, overrides=small)
    assert alone.result["arch"] == study.space.format(arch)
    assert study.retrain(arch=arch.id, overrides=small) == alone
    with pytest.raises(lmreg.LmregError, match="either a run or an architecture"):
        study.retrain()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda s: s.search(algo="spoz"), "unknown choice 'algo=spoz'; did you mean 'spos'?"),
        (lambda s: s.search(overrides=["reg.wieght=3"]), "did you mean 'reg.weight'?"),
        (lambda s: s.search(overrides=["trainer.steps=0"]), "trainer.steps=0: must be at least 1"),
        (lambda s: s.search(overrides=["seed=0,1"]), "several values"),
        (lambda s: s.search(overrides=["-m"]), "call it in a loop"),
        (lambda s: s.search(overrides=["trainer.steps"]), "expected key=value"),
        (lambda s: lmreg.Study(space="nasbench"), "unknown choice 'space=nasbench'"),
        (lambda s: lmreg.Study(overrides=["trainer.stebs=3"]), "unknown key 'trainer.stebs=3'"),
        (lambda s: lmreg.Study(overrides=["wat=3"]), "no stage has that option"),
        (lambda s: lmreg.Study(task="depth"), "task=depth takes"),
        (lambda s: lmreg.Study(root=None), "root=None: expected text or a Path"),
        (lambda s: lmreg.Study(root=b"/tmp/x"), "root=b'/tmp/x': expected text or a Path"),
        (lambda s: lmreg.Study(space=5), "space=5: expected text"),
        (lambda s: lmreg.Study(space=""), "unknown choice 'space='"),
        (lambda s: lmreg.Study(data=["a"]), "data=['a']: expected text"),
        (lambda s: lmreg.Study(name=5), "name=5: expected text"),
        (lambda s: lmreg.Study(overrides=[5]), "overrides=[5]: expected a list of texts"),
        (lambda s: lmreg.Study(overrides="trainer.lr=1"), "overrides='trainer.lr=1': expected a list"),
        (lambda s: s.search(algo=5), "algo=5: expected text"),
        (lambda s: s.search(algo="spos,fairnas"), "unknown choice 'algo=spos,fairnas'"),
        (lambda s: s.search(seed="0,1"), "seed=0,1: must be a whole number"),
        (lambda s: s.search(overrides=["study=zz"]), "study= belongs to the study"),
        (lambda s: s.search(overrides=["space=macro"]), "these overrides are for study=macro-fashion_mini"),
        (lambda s: s.evaluate(overrides=["++root=zz"]), "root= belongs to the study"),
        (lambda s: s.evaluate(run=5), "run=5: expected text or a Run or a Path"),
        (lambda s: s.retrain(run="nowhere"), "there is no folder"),
        (lambda s: s.retrain(arch=5), "arch=5: expected text or an Arch"),
        (
            lambda s: s.retrain(arch="nasbench201-9.9"),
            "'nasbench201-9.9' is not a NAS-Bench-201 cell; expected",
        ),
    ],
)
def test_what_cannot_be_is_one_line(study: lmreg.Study, call: Any, says: str) -> None:
    with pytest.raises(lmreg.LmregError) as error:
        call(study)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


class OwnSpace(NASBench201):
    """A user's space."""


def test_a_retraining_of_an_own_part_is_exported_as_it_was_made(
    tmp_path: Path, in_process: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("safetensors")
    monkeypatch.setitem(sys.modules, "tests.test_api", sys.modules[__name__])
    own = ["space._target_=tests.test_api.OwnSpace", "network=nasbench201", "allow_packages=[tests]"]
    study = lmreg.Study(root=tmp_path, name="own", overrides=[*own, "threads=1", "network.channels=2"])
    small = ("seeds=1", "trainer.steps=3", "trainer.batch_size=8")
    retrained = study.retrain(study.search(reg="none", overrides=SEARCH), overrides=small)
    files = {path.name for path in retrained.export(overrides=["onnx=false"]).iterdir()}
    assert {"model.py", "model.safetensors"} <= files
    alone = lmreg.Retrained(retrained.folder)
    with pytest.raises(lmreg.LmregError, match=r"pass 'allow_packages=\[tests\]'"):
        alone.export(overrides=["onnx=false"])
    assert alone.export(overrides=["onnx=false", own[-1]]) == retrained.folder / "export"
    code, _, errors = in_process("export", f"run={retrained.folder}", "onnx=false", own[-1])
    assert code == 0, errors


@pytest.mark.parametrize(
    ("other", "change"),
    [("space", "space: nasbench201 -> macro"), ("data", "data: fashion_mini -> shapes_depth")],
)
def test_a_folder_is_one_study(
    study: lmreg.Study, run: lmreg.Run, other: str, change: str, in_process: InProcess, tmp_path: Path
) -> None:
    choices = {"space": ("macro",), "data": ("shapes_depth", "task=depth", "space=depth_decoder")}[other]
    place = tmp_path / study.name
    for kept in ("landmarks", "search"):  # either says what the study is
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(study.folder / kept, place / kept)
        before = sorted(place.rglob("*"))
        words = [f"{other}={choices[0]}", *choices[1:]]
        for command in ("search", "train-landmarks"):
            call = (command, f"root={tmp_path}", f"study={study.name}", *words)
            code, _, errors = in_process(*call)
            assert code == 2
            assert errors.count("\n") == 1
            assert f"{place} holds another study (" in errors
            assert change in errors
            assert "pass study=<new name>, or delete that folder" in errors
        given = dict(word.split("=") for word in words)
        with pytest.raises(lmreg.LmregError) as error:
            lmreg.Study(**given, root=tmp_path, name=study.name)
        assert str(error.value).endswith(f"{change}); pass name=<new name>, or delete that folder")
        assert sorted(place.rglob("*")) == before
    assert lmreg.Study(root=tmp_path, name=study.name).folder == place


def test_a_study_of_images_of_ones_own_can_be_evaluated(tmp_path: Path) -> None:
    study = lmreg.Study(data="folder", root=tmp_path, overrides=["data.path=photos"])
    with pytest.raises(lmreg.LmregError, match="no finished search in"):
        study.evaluate()


def test_drawing_leaves_the_callers_plots_alone() -> None:
    code = "import matplotlib; matplotlib.use('svg'); import lmreg.api; print(matplotlib.get_backend())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "svg\n"


def test_it_leaves_threads_and_signal_handlers_as_they_were(study: lmreg.Study) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    torch.set_num_threads(2)
    study.train_landmarks(count=3, pool=5, overrides=LANDMARKS)
    study.search(reg="none", seed=5, overrides=SEARCH)
    assert torch.get_num_threads() == 2
    assert [signal.getsignal(number) for number in numbers] == before


def test_it_works_outside_the_main_thread(study: lmreg.Study) -> None:
    done: list[lmreg.Run] = []
    thread = threading.Thread(target=lambda: done.append(study.search(reg="none", seed=6, overrides=SEARCH)))
    thread.start()
    thread.join(120)
    assert done[0].result["seed"] == 6


def test_a_script_without_a_main_guard_may_have_workers(tmp_path: Path) -> None:
    """Spawned processes would run the script again, were they not prevented from it."""
    options = [option for option in LANDMARKS if "workers" not in option and "pool_seeds" not in option]
    options += ["workers=2", "landmarks.pool_seeds=1"]
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import lmreg

        study = lmreg.Study(root="out", overrides=["threads=1"])
        options = {options!r}
        truth = study.train_landmarks(count=2, pool=2, overrides=options)
        print(len(truth.landmarks.archs), "landmarks")
        """)
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 landmarks\n"


def test_importing_lmreg_is_quick() -> None:
    code = "import sys, lmreg; print('torch' in sys.modules, dir(lmreg)[-5:])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("False")
    with pytest.raises(AttributeError, match="no attribute 'Studdy'"):
        lmreg.Studdy  # noqa: B018
