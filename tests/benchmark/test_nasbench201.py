"""Through stand-ins of the authors' packages, which aren't installed for tests: they have the calls of the
real ones (`create`, `NASBench201API`, `arch`, `get_more_info`, `get_cost_info`), as their sources have them,
but no data of the benchmark."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from lmreg.benchmark.base import Imported
from lmreg.benchmark.nasbench201 import Config, NASBench201File
from lmreg.benchmark.nats_bench import Config as NATSConfig
from lmreg.benchmark.nats_bench import NATSBenchFile
from lmreg.config.build import typed
from lmreg.errors import LmregError

ARCHS = (
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
)

API = '''
import json, os

class API:
    """Has the real API's calls and answers from a JSON file."""

    def __init__(self, path, verbose=True):
        assert not verbose
        self.content = json.load(open(path))
        self.allowed = os.environ.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
        self.arch2infos_dict = {}

    def __len__(self):
        return len(self.content["archs"])

    def arch(self, index):
        assert 0 <= index < len(self)
        return self.content["archs"][index]

    def get_more_info(self, index, dataset, iepoch=None, hp="12", is_random=True):
        assert is_random is False and iepoch is None
        self.arch2infos_dict[index] = "read"
        info = {"train-accuracy": 99.0, "test-accuracy": self.content["scores"][hp][dataset][index][-1]}
        if dataset != "cifar10":
            info["valid-accuracy"] = self.content["scores"][hp][dataset][index][0]
        return info

    def get_cost_info(self, index, dataset, hp="12"):
        assert len(self.arch2infos_dict) == 1
        return {"flops": 117.88, "params": 0.802426, "latency": None}
'''
NAS_201 = API + "NASBench201API = API\n"
NATS = (
    API
    + """
def create(file_path_or_dict, search_space, fast_mode=False, verbose=True):
    assert search_space == "tss"
    if fast_mode:
        file_path_or_dict = os.path.join(file_path_or_dict, "meta")
    return API(file_path_or_dict, verbose)
"""
)
SCORES = {
    "200": {
        "cifar10-valid": [[84.9, 84.1], [90.76933333, 90.1]],
        "cifar10": [[88.4], [93.66]],
        "cifar100": [[60.5, 61.25], [70.5, 71.0]],
    },
    "12": {"cifar10-valid": [[70.0, 69.0], [80.0, 79.0]], "cifar10": [[71.0], [81.0]]},
}


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "nas_201_api.py").write_text(NAS_201)
    (folder / "nats_bench.py").write_text(NATS)
    monkeypatch.syspath_prepend(str(folder))
    for name in ("nas_201_api", "nats_bench"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "benchmark"
    path.write_text(json.dumps({"archs": ARCHS, "scores": SCORES}))
    return path


def check(imported: Imported) -> None:
    assert imported.table.to_dict("list") == {
        "arch": list(ARCHS),
        "cifar10_valid_acc_percent": [84.9, 90.7693],
        "cifar10_test_acc_percent": [88.4, 93.66],
        "params": [802_426] * 2,
        "macs": [117_880_000] * 2,
    }
    assert imported.scores == ("cifar10_valid_acc_percent", "cifar10_test_acc_percent")
    assert imported.notes == ("the published benchmark has 15,625 networks, this file 2",)


@pytest.mark.usefixtures("packages")
def test_validation_scores_come_from_trainings_without_the_validation_part(file: Path) -> None:
    check(NASBench201File(Config()).read(file))
    assert "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" not in os.environ


@pytest.mark.usefixtures("packages")
def test_nats_bench_is_a_file_or_a_folder(file: Path) -> None:
    check(NATSBenchFile(NATSConfig()).read(file))
    folder = file.parent / "simple"
    folder.mkdir()
    file.rename(folder / "meta")
    check(NATSBenchFile(NATSConfig()).read(folder))


@pytest.mark.usefixtures("packages")
def test_other_images_and_lengths(file: Path) -> None:
    table = NATSBenchFile(NATSConfig(dataset="cifar100")).read(file).table
    assert table["cifar100_valid_acc_percent"].tolist() == [60.5, 70.5]
    assert table["cifar100_test_acc_percent"].tolist() == [61.25, 71]
    table = NASBench201File(Config(epochs=12)).read(file).table
    assert table["cifar10_valid_acc_percent"].tolist() == [70, 80]
    with pytest.raises(LmregError, match=r"benchmark.epochs=90: must be one of 12, 200"):
        typed({"epochs": 90}, Config, "benchmark")


@pytest.mark.usefixtures("packages")
def test_what_the_package_raises_becomes_one_line(file: Path) -> None:
    with pytest.raises(LmregError, match=r"architecture 0: nats_bench can't read it \(KeyError: 'ImageNet16"):
        NATSBenchFile(NATSConfig(dataset="ImageNet16-120")).read(file)
    file.write_text(json.dumps({"archs": ["|conv~0|"], "scores": SCORES}))
    with pytest.raises(LmregError, match="is not a NAS-Bench-201 cell"):
        NASBench201File(Config()).read(file)
    file.write_bytes(b"\x80\x04")
    with pytest.raises(LmregError, match=r"benchmark: nas_201_api can't read it \(UnicodeDecodeError"):
        NASBench201File(Config()).read(file)
    with pytest.raises(LmregError, match=r"can't read .*nothing: No such file"):
        NASBench201File(Config()).read(file.parent / "nothing")


def test_without_the_package_it_says_what_to_install(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nas_201_api", "nats_bench"):
        monkeypatch.setitem(sys.modules, name, None)  # as if it weren't there, also where it is
    with pytest.raises(
        LmregError, match=r"benchmark=nats_bench needs the package nats_bench; .*lmreg\[benchmarks\]"
    ):
        NATSBenchFile(NATSConfig()).read(file)
    with pytest.raises(
        LmregError, match=r"benchmark=nasbench201 needs the package nas_201_api; .*lmreg\[benchmarks\]"
    ):
        NASBench201File(Config()).read(file)
