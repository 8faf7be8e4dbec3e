"""A config is one run, however its options are spelt and whichever version of lmreg made it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf
from tests.conftest import InProcess, Lmreg

from lmreg.config.identity import config_hash, earlier_hashes
from lmreg.train import checkpoint
from lmreg.util.files import read_json, write_json

STUDY = "nasbench201-fashion_mini"
SMALL = (
    *("network.channels=2", "strategy.budget=3", "trainer.steps=8", "trainer.batch_size=16", "threads=1"),
    "scoring.images=64",
)


def folders(root: Path) -> list[str]:
    return sorted(path.name for path in (root / STUDY / "search").iterdir())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, lmreg: Lmreg) -> Path:
    """A root folder with one finished search; modify only copies."""
    root = tmp_path_factory.mktemp("finished")
    done = lmreg("search", "reg=none", f"root={root}", *SMALL, "trainer.lr=.1")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    """A copy of that root folder, free to be modified."""
    return shutil.copytree(finished, tmp_path / "root")


def make_earlier(folder: Path) -> Path:
    """Change the run in ``folder`` into one of lmreg 0.1.0, which hashed ``log_every`` and named runs as
    spelt."""
    config = OmegaConf.load(folder / "config.yaml")
    assert OmegaConf.is_dict(config)
    config.seed, config.log_every, config.data.flip = "00", 10, "no"
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config))
    (earlier,) = earlier_hashes(config)
    result = read_json(folder / "result.json")
    for name in ("supernet.pt", "checkpoint.pt"):
        state = torch.load(folder / name, weights_only=True)["state"]
        checkpoint.save(folder / name, state, f"{earlier}-{result['data_hash']}")
    write_json(folder / "result.json", result | {"config_hash": earlier})
    return folder.rename(folder.with_name("spos-none-log_every=10-data.flip=no-trainer.lr=.1-s00"))


def test_a_run_is_trained_once(in_process: InProcess, root: Path) -> None:
    assert folders(root) == [
        "spos-none-network.channels=2-scoring.images=64-strategy.budget=3-trainer.batch_size=16-trainer.lr=0.1"
        "-trainer.steps=8-s0"
    ]
    for spelling in (
        ("trainer.lr=1e-1", "seed=00", "log_every=3"),
        ("trainer.lr='0.1'", "data.flip=no", "trainer.epochs=12.0"),
        ("-m", "trainer.lr=0.10", "seed=choice(00)", "tracking.every_epochs=2"),
    ):
        code, out, errors = in_process("search", "reg=none", f"root={root}", *SMALL, *spelling)
        assert code == 0, errors
        assert "finished already" in out, spelling
        assert len([name for name in folders(root) if name != "sweeps"]) == 1


def test_a_run_of_an_earlier_lmreg_is_recognised(in_process: InProcess, root: Path) -> None:
    folder = make_earlier(root / STUDY / "search" / folders(root)[0])
    call = ("search", "reg=none", f"root={root}", *SMALL, "trainer.lr=0.1")
    code, out, errors = in_process(*call)
    assert code == 0, errors
    assert f"{folder.name}: finished already" in out
    # Training resumes as well, from a checkpoint with the earlier hash.
    before = pd.read_csv(folder / "candidates.csv")
    for name in ("result.json", "supernet.pt", "candidates.csv"):
        (folder / name).unlink()
    code, out, errors = in_process(*call, "log_every=3")
    assert code == 0, errors
    assert "resuming at step 8 of 8" in out
    pd.testing.assert_frame_equal(pd.read_csv(folder / "candidates.csv"), before)
    assert folders(root) == [folder.name]


def test_a_checkpoint_of_another_configuration_is_refused(in_process: InProcess, root: Path) -> None:
    folder = root / STUDY / "search" / folders(root)[0]
    state = torch.load(folder / "checkpoint.pt", weights_only=True)["state"]
    checkpoint.save(folder / "checkpoint.pt", state, config_hash({}))
    (folder / "result.json").unlink()
    code, _, errors = in_process("search", "reg=none", f"root={root}", *SMALL, "trainer.lr=0.1")
    assert code == 2
    assert "belongs to another configuration" in errors


def test_trainings_of_an_earlier_lmreg_are_recognised(in_process: InProcess, tmp_path: Path) -> None:
    size = (
        "landmarks.count=2",
        "landmarks.pool=2",
        "landmarks.pool_seeds=1",
        "workers=1",
        "network.channels=2",
    )
    call = (
        "train-landmarks",
        f"root={tmp_path}",
        *size,
        "trainer.steps=3",
        "trainer.batch_size=16",
        "threads=1",
    )
    code, _, errors = in_process(*call)
    assert code == 0, errors
    records = tmp_path / STUDY / "landmarks" / "records"
    protocol = read_json(records / "protocol.json")
    protocol["data"]["flip"] = "no"
    write_json(records / "protocol.json", protocol)
    for path in records.glob("*-s*.json"):
        write_json(path, read_json(path) | {"protocol": config_hash(protocol)})
    made = {path: path.stat().st_mtime_ns for path in records.glob("*-s*.json")}
    code, _, errors = in_process(*call, "data.flip=false")
    assert code == 0, errors
    assert made == {path: path.stat().st_mtime_ns for path in records.glob("*-s*.json")}
    manifest = read_json(tmp_path / STUDY / "landmarks" / "manifest.json")
    assert manifest["overrides"] == [
        *("landmarks.count=2", "landmarks.pool=2", "landmarks.pool_seeds=1", "network.channels=2"),
        *("trainer.batch_size=16", "trainer.steps=3"),
    ]


def test_a_retraining_is_made_once(in_process: InProcess, root: Path) -> None:
    run = root / STUDY / "search" / folders(root)[0]
    call = ("retrain", f"run={run}", "trainer.steps=3", "trainer.batch_size=16", "seeds=1", "threads=1")
    code, out, errors = in_process(*call, "cutout=0.25", "label_smoothing=0", "network.channels=2")
    assert code == 0, errors
    (folder,) = (root / STUDY / "retrain").iterdir()
    assert folder.name.startswith(run.name)
    earlier = folder.rename(folder.with_name(f"{run.name}-cutout=.25"))
    for spelling in (("data.cutout=.25", "label_smoothing=0.0"), ("cutout=25e-2", "label_smoothing=.0")):
        code, out, errors = in_process(*call, *spelling, "log_every=7")
        assert code == 0, errors
        assert "finished already" in out
    assert list((root / STUDY / "retrain").iterdir()) == [earlier]
    code, out, errors = in_process("retrain", f"run={run}", "folder=ü (1)", *call[2:])
    assert code == 0, errors
    assert (root / STUDY / "retrain" / "ü (1)" / "result.json").exists()
    shutil.rmtree(root / STUDY / "retrain")


def test_every_stage_with_unusual_characters_in_names(
    in_process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "josé #1 (it's) [x], $HOME"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    where = ("study=ü (1)", f"root=\"{home}/a, 'b'\"")
    size = (
        "landmarks.count=3",
        "landmarks.pool=4",
        "landmarks.pool_seeds=1",
        "workers=1",
        "network.channels=2",
    )
    code, _, errors = in_process(
        "train-landmarks", *where, *size, "trainer.steps=3", "trainer.batch_size=16", "threads=1"
    )
    assert code == 0, errors
    code, _, errors = in_process("search", "-m", *where, *SMALL, "reg=none,landmark")
    assert code == 0, errors
    for command in (("evaluate", "bootstrap=100"), ("report",)):
        code, _, errors = in_process(*command, *where)
        assert code == 0, errors
    assert (home / "a, 'b'" / "ü (1)" / "report" / "index.html").exists()
    code, out, errors = in_process("runs", *where)
    assert code == 0, errors
    assert out.count("run=") == 2
