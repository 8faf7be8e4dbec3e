"""Fixtures: the optional folder of real data, and a study small enough for seconds."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

# As `one_thread` below, for child processes too. OpenMP reads it when torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from filelock import FileLock
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from lmreg.cli.main import main
from lmreg.config.paths import conf_dir
from lmreg.data import fashion_mini
from lmreg.data.base import InputShape
from lmreg.network.nasbench201 import Config as NetworkConfig
from lmreg.network.nasbench201 import NASBench201Network
from lmreg.space.nasbench201 import NASBench201
from tests.every_process.sitecustomize import make_fewer
from tests.processes import Started

ROOT = Path(__file__).resolve().parents[1]
EVERY_PROCESS = ROOT / "tests" / "every_process"
if str(EVERY_PROCESS) not in sys.path:  # this process began without it, those that it starts won't
    sys.path.append(str(EVERY_PROCESS))
    paths = (str(EVERY_PROCESS), os.environ.get("PYTHONPATH"))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
make_fewer(fashion_mini)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Small work, beside that of other test processes: more threads only cost."""
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: begun last, they would keep one process at work while the others rest."""
    first = ("test_readme.py", "test_pipeline.py", "test_training.py", "test_rounds.py")
    items.sort(key=lambda item: (item.path.name not in first, item.path.parent.name != "commands"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real data sets and benchmark tables, where it is there."""
    folder = Path(os.environ.get("LMREG_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; set LMREG_TEST_DATA to a folder that has them")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def space() -> NASBench201:
    return NASBench201()


@pytest.fixture
def net(space: NASBench201) -> NASBench201Network:
    torch.manual_seed(0)
    return NASBench201Network(NetworkConfig(channels=4, cells=1), space, InputShape(1, 8, 8), outputs=3)


Compose = Callable[..., DictConfig]


@pytest.fixture(scope="session")
def composed() -> Compose:
    """Compose a command's config: ``composed("search", "reg=none")``."""

    def make(name: str, *overrides: str) -> DictConfig:
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            return compose(name, list(overrides))

    return make


Lmreg = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def lmreg() -> Lmreg:
    """Run the command as a user does, in a process of its own."""

    def call(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        process = Started(args, cwd)
        said, errors = process.communicate(timeout=300)
        assert process.returncode is not None
        return subprocess.CompletedProcess(args, process.returncode, said, errors)

    return call


Outcome = tuple[int, str, str]
"""Exit code, standard output, standard error."""
InProcess = Callable[..., Outcome]


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    """Run the command within the test's own process, which spares it the imports: `in_process("runs")`."""
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in signals]

    def call(*args: str) -> Outcome:
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")  # the command sets it for its process
        GlobalHydra.instance().clear()
        result = CliRunner().invoke(main, list(args))
        monkeypatch.delenv("HYDRA_FULL_ERROR")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    yield call
    for number, handler in zip(signals, before, strict=True):
        signal.signal(number, handler)


def last_given(*args: str) -> list[str]:
    """``args`` without options that are given again further on, which the command would refuse."""
    return list({arg.partition("=")[0]: arg for arg in args}.values())


TINY_LANDMARKS = (
    *("landmarks.count=4", "landmarks.pool=5", "landmarks.seeds=2"),
    *("landmarks.pool_seeds=2", "trainer.epochs=0.1", "network.channels=2", "workers=1", "threads=1"),
)
"""In one process; with ``workers=2``, which import torch anew, where the workers are what is tested."""
TINY_SEARCH = ("trainer.steps=12", "strategy.budget=4", "network.channels=2", "log_every=4")
TINY_SEARCH += ("scoring.images=200",)


@contextlib.contextmanager
def made_once(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[tuple[Path, bool]]:
    """A folder that all processes of the test run share, and whether it is there already; others wait."""
    place = tmp_path_factory.getbasetemp()
    place = place.parent if "PYTEST_XDIST_WORKER" in os.environ else place
    done = place / f"{name}.done"
    with FileLock(place / f"{name}.lock"):
        yield place / name, done.exists()
        done.touch()  # not where making it has failed


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory: pytest.TempPathFactory, lmreg: Lmreg) -> Path:
    """A root folder in which landmarks and pool of a tiny study have been trained for real."""
    with made_once(tmp_path_factory, "tiny") as (root, is_there):
        if not is_there:
            done = lmreg("train-landmarks", f"root={root}", *TINY_LANDMARKS)
            assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="session")
def searched_study(tiny_study: Path, lmreg: Lmreg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny study with four finished searches, without and with landmarks; spoil only copies."""
    with made_once(tmp_path_factory, "searched") as (root, is_there):
        if not is_there:
            shutil.copytree(tiny_study, root, dirs_exist_ok=True)
            done = lmreg("search", "-m", "reg=none,landmark", "seed=0,1", f"root={root}", *TINY_SEARCH)
            assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="session")
def evaluated_study(searched_study: Path, lmreg: Lmreg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, evaluated; spoil only copies."""
    with made_once(tmp_path_factory, "evaluated") as (root, is_there):
        if not is_there:
            shutil.copytree(searched_study, root, dirs_exist_ok=True)
            done = lmreg("evaluate", f"root={root}", "bootstrap=100")
            assert done.returncode == 0, done.stderr
    return root
