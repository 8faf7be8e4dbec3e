"""``network.affine``: whether the batch norms of a super-net's cells have scale and shift."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from tests.conftest import InProcess
from tests.settings import overridden
from tests.space.test_darts import DARTS_V2
from torch import nn

from lmreg.config import catalogue
from lmreg.config.build import choice_of, typed
from lmreg.config.identity import config_hash, result_config
from lmreg.data.base import InputShape
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.records import training_protocol
from lmreg.network import darts
from lmreg.network.base import SuperNet, SuperNetOnly, count_params
from lmreg.network.cells import Config
from lmreg.network.nasbench101 import FirstNorm
from lmreg.rank.finished_run import FinishedRun
from lmreg.rank.score_cache import ScoreCache
from lmreg.report.provenance import facts
from lmreg.space.base import Space
from lmreg.space.darts import DARTSSpace
from lmreg.testing import NETWORK_CHECKS
from lmreg.testing.network import NetworkCheck
from lmreg.util.files import read_json, write_json

SHAPE = InputShape(1, 8, 8)
CELLS = {
    "nasbench201": "body",
    "nasbench101": "stacks",
    "darts": "cells",
    "nds": "cells",
    "depth_decoder": "cells",
}
"""The attribute of each super-net that holds its cells."""
SMALLER: dict[str, dict[str, Any]] = {
    "nasbench201": {"channels": 4},
    "nasbench101": {"channels": 8},
    "darts": {"channels": 4},
    "nds": {"channels": 2},
    "depth_decoder": {"channels": 4, "widths": [4, 4, 6, 6]},
}


def made(choice: str, affine: bool) -> tuple[SuperNet, Space]:
    cls, space_config = choice_of("space", choice, Space)
    space = cls(space_config)  # type: ignore[call-arg]
    network, config = choice_of("network", choice, SuperNet)
    torch.manual_seed(0)
    config = dataclasses.replace(config, affine=affine, **SMALLER.get(choice, {}))
    return network(config, space, SHAPE, 3), space  # type: ignore[call-arg]


def norms(net: nn.Module) -> dict[str, nn.BatchNorm2d]:
    """Return the normalisations that can have scale and shift: all except those after pools."""
    found = {name: layer for name, layer in net.named_modules() if isinstance(layer, nn.BatchNorm2d)}
    return {name: layer for name, layer in found.items() if "pool" not in name}


def in_cells(choice: str, name: str) -> bool:
    """Whether a module is part of a cell; in NAS-Bench-201 there are residual blocks between cells."""
    return name.startswith(f"{CELLS[choice]}.") and not (choice == "nasbench201" and ".conv_" in name)


@pytest.mark.parametrize("choice", CELLS)
def test_without_it_the_cells_norms_have_neither_scale_nor_shift(choice: str) -> None:
    net, space = made(choice, affine=False)
    plain = {name for name, layer in norms(net).items() if layer.weight is None and layer.bias is None}
    assert plain == {name for name in norms(net) if in_cells(choice, name)}
    assert plain
    assert plain != norms(net).keys()  # the stem's has both
    arch = space.sample(np.random.default_rng(0))
    alone = net.standalone(arch)
    assert all(layer.affine for layer in norms(alone).values())
    assert count_params(alone) == count_params(made(choice, affine=True)[0].standalone(arch))


@pytest.mark.parametrize("choice", CELLS)
def test_with_it_all_norms_have_both(choice: str) -> None:
    assert all(layer.affine for layer in norms(made(choice, affine=True)[0]).values())


@pytest.mark.parametrize("check", NETWORK_CHECKS)
@pytest.mark.parametrize("choice", ["nasbench201", "nasbench101", "depth_decoder"])
def test_super_nets_without_it_conform(choice: str, check: NetworkCheck, rng: np.random.Generator) -> None:
    """The other spaces' networks have no scale and shift by default, and are checked with the catalogue."""
    check(*made(choice, affine=False), SHAPE, rng)


def test_defaults_follow_the_space() -> None:
    for space in catalogue.choices("space"):
        network = overridden("search", f"space={space}", "reg=none").network
        expected = {"darts": False, "nds": False}.get(space, True if space in CELLS else None)
        assert network.get("affine") is expected, space
    assert typed(
        {}, Config, "network"
    ).affine  # what the config of earlier versions, without the option, means


def test_the_published_genotype_keeps_its_size() -> None:
    space, shape = DARTSSpace(), InputShape(3, 32, 32)
    with torch.device("meta"):
        net = darts.DARTSNetwork(Config(channels=36, cells=20, affine=False), space, shape, 10)
        assert count_params(net.standalone(space.parse(DARTS_V2))) == 3_349_342


def test_norms_of_the_first_channels() -> None:
    norm = FirstNorm(6)
    x = torch.randn(4, 3, 5, 5)
    with_both = norm(x)
    norm.affine = False
    norm.register_parameter("weight", None)
    norm.register_parameter("bias", None)
    torch.testing.assert_close(norm(x), with_both)


def test_identity_and_protocol() -> None:
    def hashed(change: Callable[[Any], None], *overrides: str) -> str:
        cfg = overridden("search", "reg=none", *overrides)
        change(cfg)
        return config_hash(result_config(cfg))

    def forget(cfg: Any) -> None:  # as an earlier lmreg wrote it
        OmegaConf.set_struct(cfg, False)
        del cfg.network.affine, cfg.trainer.paths

    def nothing(cfg: Any) -> None: ...

    assert hashed(nothing) == hashed(forget)
    assert hashed(nothing, "network.affine=false") != hashed(nothing)
    assert hashed(nothing, "space=darts") != hashed(forget, "space=darts")
    assert hashed(nothing, "space=darts", "network.affine=true") == hashed(forget, "space=darts")
    # Stand-alone trainings are the same either way.
    for affine in ("true", "false"):
        cfg = overridden("train_landmarks", "space=darts", f"network.affine={affine}")
        assert "affine" not in training_protocol(Study(cfg, Options()))["network"]


SEARCH = (
    *("search", "space=darts", "reg=none", "network.channels=4", "trainer.steps=2", "trainer.batch_size=8"),
    *("strategy.budget=2", "scoring.images=16", "threads=1"),
)


def test_an_older_run_is_what_it_was(in_process: InProcess, tmp_path: Path) -> None:
    """The old config doesn't have the option; its cells' normalisations had scale and shift."""
    code, _, errors = in_process(*SEARCH, f"root={tmp_path}", "network.affine=true")
    assert code == 0, errors
    searches = tmp_path / "darts-fashion_mini" / "search"
    (folder,) = searches.iterdir()
    assert read_json(folder / "result.json")["affine"] is True
    archs = [DARTSSpace().sample(np.random.default_rng(3))]
    scores = ScoreCache(FinishedRun.load(folder), Options()).scores(archs)
    shutil.rmtree(folder / ".scores")

    config, result = OmegaConf.load(folder / "config.yaml"), read_json(folder / "result.json")
    del config.network.affine  # type: ignore[union-attr]
    for key in ("affine", "paths"):
        del result[key]
    result["overrides"] = []
    old = folder.rename(searches / "spos-none-s0")
    OmegaConf.save(config, old / "config.yaml")
    write_json(old / "result.json", result)
    assert ScoreCache(FinishedRun.load(old), Options()).scores(archs).equals(scores)

    # The same command makes another super-net now, and says so.
    old.rename(searches / folder.name.replace("network.affine=true-", ""))
    code, _, errors = in_process(*SEARCH, f"root={tmp_path}")
    assert code == 2
    assert "network.affine: true -> false" in errors
    assert len(errors.strip().splitlines()) == 1


def test_the_report_tells_it() -> None:
    def told(*results: dict[str, Any]) -> str:
        runs = [SimpleNamespace(finished=SimpleNamespace(result=result)) for result in results]
        hashed = SimpleNamespace(hash="0")
        sources: Any = SimpleNamespace(runs=runs, truth=SimpleNamespace(landmarks=hashed, pool=hashed))
        return dict(facts(sources))["Batch norms in the super-nets' cells"]

    assert told({"affine": True}, {}) == "with scale and shift"
    assert told({"affine": False}) == "without scale and shift"
    assert told({"affine": False}, {"affine": True}) == "without scale and shift; with scale and shift"
    assert told({"affine": None}) == "as the network defines them"


def test_its_options_are_declared_once() -> None:
    names = {field.name for field in dataclasses.fields(SuperNetOnly)}
    assert names == {"affine"}
    for choice in CELLS:
        _, config = choice_of("network", choice, SuperNet)
        assert isinstance(config, SuperNetOnly)
