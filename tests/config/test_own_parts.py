"""A class of the user's own has its own options with its own defaults, wherever lmreg shows or uses them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from tests.conftest import InProcess
from tests.settings import folder_of, name_of

from lmreg.config.compose import composed
from lmreg.errors import LmregError

ALGO = '''
from dataclasses import dataclass
from lmreg.algo.spos import SPOS
from lmreg.config.schema import option

@dataclass
class Config:
    name: str = "siblings"
    neighbours: int = option(1, min=1, max=9, help="neighbours of each path")
    rate: float = 0.5

class Siblings(SPOS):
    """A path and its neighbours."""
    def __init__(self, config: Config):
        self.config = config
'''
READER = """
from dataclasses import dataclass
from lmreg.config.schema import option
from lmreg.data.base import DataConfig, DataSource

@dataclass
class Config(DataConfig):
    name: str = option("arrays", yaml="${last_part:${.path},arrays}")
    path: str | None = option(None, text="path")
    crop_padding: int = 3

class Arrays(DataSource):
    def __init__(self, config: Config):
        self.config = config
"""
SPACE = """
from dataclasses import dataclass
from lmreg.space.macro import NASBenchMacro
from lmreg.network.macro import NASBenchMacroNetwork

@dataclass
class Config:
    name: str = "kernels"
    layers: int = 4

class Kernels(NASBenchMacro):
    def __init__(self, config: Config):
        super().__init__()
        self.name = config.name

@dataclass
class NetworkConfig:
    width: int = 6

class Network(NASBenchMacroNetwork):
    def __init__(self, config: NetworkConfig, *parts, **options):
        raise NotImplementedError
"""
ALLOWED = "allow_packages=[own_things]"
ALGO_IS, DATA_IS = "algo._target_=own_things.siblings.Siblings", "data._target_=own_things.arrays.Arrays"


@pytest.fixture(autouse=True)
def own_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "own_things"
    folder.mkdir()
    files = {"siblings": ALGO, "again": ALGO, "arrays": READER, "kernels": SPACE, "broken": "1 / 0"}
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.startswith("own_things")]:
        del sys.modules[name]


def test_the_defaults_are_those_of_the_own_config() -> None:
    cfg, _ = composed("search", [DATA_IS, ALGO_IS, ALLOWED, "algo.neighbours=2"])
    assert cfg.algo == {
        "_target_": "own_things.siblings.Siblings",
        "name": "siblings",
        "neighbours": 2,
        "rate": 0.5,
    }
    # Those of data=fashion_mini were 0.666667 and 0.
    assert (cfg.data.train_fraction, cfg.data.crop_padding, cfg.data.path) == (0.5, 3, None)
    assert cfg.study == "nasbench201-arrays"
    cfg, _ = composed("search", [DATA_IS, ALLOWED, "data.path=a/photos", "data.crop_padding=1"])
    assert (cfg.study, cfg.data.crop_padding) == ("nasbench201-photos", 1)


def test_options_of_the_composed_choice_that_the_own_config_lacks_are_no_error(in_process: InProcess) -> None:
    words = ("space._target_=own_things.kernels.Kernels", "network._target_=own_things.kernels.Network")
    code, out, errors = in_process("search", "--cfg", "job", "--resolve", *words, ALLOWED)
    assert code == 0, errors
    cfg = OmegaConf.create(out)
    assert cfg.network == {"_target_": "own_things.kernels.Network", "width": 6}
    assert (cfg.space.layers, cfg.study) == (4, "kernels-fashion_mini")
    code, _, errors = in_process("search", "--cfg", "job", *words, ALLOWED, "network.channels=4")
    assert (code, errors) == (2, "Error: unknown key 'network.channels'; there are: width\n")


@pytest.mark.parametrize(
    "words",
    [
        ["space=macro", "space._target_=own_things.kernels.Kernels", "space.layers=3"],
        ["space=own_things.kernels.Kernels", "network=macro", "space.layers=3"],
        ["space=macro", "+space._target_=own_things.kernels.Kernels", "+space.layers=3", "~space.name"],
    ],
)
def test_every_spelling_means_the_same(words: list[str]) -> None:
    cfg, _ = composed("search", [*words, ALLOWED])
    assert cfg.space == {"_target_": "own_things.kernels.Kernels", "name": "kernels", "layers": 3}
    assert cfg.network._target_ == "lmreg.network.macro.NASBenchMacroNetwork"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([ALGO_IS], "only classes of lmreg are built; to allow a package of your own pass 'allow_packages=["),
        (["algo=own_things.siblings.Siblings"], "algo._target_=own_things.siblings.Siblings: only classes"),
        (["algo._target_=own_things.no.Thing", ALLOWED], "No module named 'own_things.no'"),
        (["algo._target_=own_things.broken.Thing", ALLOWED], "ZeroDivisionError: division by zero"),
        (["algo._target_=own_things.arrays.Arrays", ALLOWED], "there is no Algorithm of that name"),
        (["algo._target_=own_things.siblings.Config", ALLOWED], "there is no Algorithm of that name"),
    ],
)
@pytest.mark.parametrize("flag", [(), ("--help",)])
def test_a_class_that_cannot_be_had_is_one_line(
    words: list[str], says: str, flag: tuple[str, ...], in_process: InProcess
) -> None:
    code, out, errors = in_process("search", *words, *flag)
    assert (code, out) == (2, "")
    assert says in errors
    assert errors.count("\n") == 1


def test_help_shows_the_own_options(in_process: InProcess) -> None:
    code, out, errors = in_process("search", ALGO_IS, ALLOWED, "--help")
    assert code == 0, errors
    (line,) = [line for line in out.splitlines() if "algo.neighbours=1" in line]
    assert "neighbours of each path; 1 to 9" in line
    assert re.search(r"algo=own_things\.siblings\.Siblings +A path and its neighbours", out)
    code, out, errors = in_process("search", DATA_IS, ALLOWED, "--help")
    assert code == 0, errors
    assert "data.crop_padding=3" in out
    assert "data.train_fraction=0.5" in out


def given(*words: str) -> tuple[str, Callable[[Path], Path]]:
    cfg, read = composed("search", [*words, ALLOWED])
    return name_of(cfg, read), lambda study: folder_of(cfg, read, study)


def test_names_of_runs_have_the_class_by_its_name_and_tell_namesakes_apart() -> None:
    name, _ = given(ALGO_IS, "algo.neighbours=2")
    again, _ = given("algo._target_=own_things.again.Siblings", "algo.neighbours=2")
    assert name == "siblings-landmark-algo=Siblings-73fa06e5-algo.neighbours=2-s0"
    assert again.startswith("siblings-landmark-algo=Siblings-")
    assert again != name
    assert given("algo.alpha_lr=0.1", "algo=darts")[0] == "darts-landmark-algo.alpha_lr=0.1-s0"


def test_a_folder_under_the_earlier_long_name_is_the_same_run(tmp_path: Path) -> None:
    name, folder = given(ALGO_IS)
    assert folder(tmp_path) == tmp_path / "search" / name
    earlier = tmp_path / "search" / "siblings-landmark-algo._target_=own_things.siblings.Siblings-s0"
    earlier.mkdir(parents=True)
    cfg, _ = composed("search", [ALGO_IS, ALLOWED])
    (earlier / "config.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True))
    assert folder(tmp_path) == earlier
    assert given(ALGO_IS, "algo.rate=0.25")[1](tmp_path) != earlier


def test_a_sweep_over_own_classes_and_their_options(in_process: InProcess, tmp_path: Path) -> None:
    words = ("algo._target_=own_things.siblings.Siblings,own_things.again.Siblings", "algo.neighbours=1,2")
    code, out, errors = in_process("search", "-m", *words, ALLOWED, "device=nowhere", f"root={tmp_path}")
    assert code == 2
    assert "Sweep: 4 jobs" in out
    assert "4 of the sweep's 4 jobs failed" in errors


def test_a_config_without_a_name_is_refused(own_things: Path) -> None:
    (own_things / "siblings.py").write_text(ALGO.replace('    name: str = "siblings"\n', ""))
    with pytest.raises(LmregError, match="its Config needs an option 'name'"):
        composed("search", [ALGO_IS, ALLOWED])
