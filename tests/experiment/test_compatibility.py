"""Impossible combinations are refused before any data is read; the message names possible ones."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import InProcess

from lmreg.algo.fairnas import FairNAS
from lmreg.data.images import ImageData
from lmreg.errors import LmregError
from lmreg.network import nasbench201
from lmreg.space.nasbench201 import NASBench201


@dataclass
class Config:
    channels: int = 4


class PathsOnly(nasbench201.NASBench201Network):
    """A user's super-net, found by its package's name, that takes paths but no mixtures."""

    offers = frozenset()

    def __init__(self, config: Config, *parts: Any, **options: int):
        super().__init__(nasbench201.Config(channels=config.channels), *parts, **options)


class OwnSpace(NASBench201):
    """A user's space."""


OWN = ("allow_packages=[tests]", f"network._target_={__name__}.PathsOnly")


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError("data was read")

    monkeypatch.setattr(ImageData, "__init__", refuse)
    monkeypatch.setitem(sys.modules, "tests.experiment.test_compatibility", sys.modules[__name__])


@pytest.mark.parametrize("algo", ["darts", "darts2", "gdas", "pcdarts"])
def test_a_super_net_without_mixtures(
    algo: str, in_process: InProcess, tmp_path: Path, no_data: None
) -> None:
    code, _, errors = in_process("search", f"algo={algo}", "reg=none", f"root={tmp_path}", *OWN)
    assert code == 2
    assert f"algo={algo} needs mixtures of operations" in errors
    assert "with this space work algo=fairnas,nao,spos,spos_unique" in errors
    assert "network=nasbench201" in errors
    assert len(errors.strip().splitlines()) == 1
    assert not list(tmp_path.glob("*/search/*/config.yaml"))


def test_soft_landmark_passes_without_mixtures(
    in_process: InProcess, tiny_study: Path, no_data: None
) -> None:
    code, _, errors = in_process("search", "reg.passes=soft_oneshot", f"root={tiny_study}", *OWN)
    assert code == 2
    assert "reg=landmark needs mixtures of operations" in errors
    assert "reg.passes=path" in errors


def test_a_space_of_ones_own_needs_a_network(in_process: InProcess, tmp_path: Path, no_data: None) -> None:
    space = ("network=macro", f"space._target_={__name__}.OwnSpace", "allow_packages=[tests]")
    code, _, errors = in_process("search", "reg=none", f"root={tmp_path}", *space)
    assert code == 2
    assert "give yours with network._target_=<class>" in errors
    code, _, errors = in_process("search", "reg=none", f"root={tmp_path}", "space=macro", "network=darts")
    assert "leave network out to take its own" in errors


def test_they_are_refused_before_landmarks_are_asked_for(
    in_process: InProcess, tmp_path: Path, no_data: None
) -> None:
    code, _, errors = in_process("search", "algo=darts", "reg=landmark", f"root={tmp_path}", *OWN)
    assert code == 2
    assert "algo=darts needs mixtures of operations" in errors


def test_a_network_that_cant_be_divided_is_refused_before_data_is_read(
    in_process: InProcess, tmp_path: Path, no_data: None
) -> None:
    sizes = ("algo=pcdarts", "network.channels=6", "reg=none")
    code, _, errors = in_process("search", *sizes, f"root={tmp_path}")
    assert code == 2
    assert "partial channels need a multiple of 4; network.channels=6" in errors


@pytest.mark.parametrize(
    ("algo", "why"),
    [
        ("darts", "needs mixtures of operations"),
        ("gdas", "needs mixtures of operations"),
        ("pcdarts", "needs mixtures of operations"),
        ("fairnas", "needs as many options at every decision; nasbench101 has 2 and 3; use algo=spos"),
    ],
)
def test_algorithms_that_nasbench101_does_not_suit(
    algo: str, why: str, in_process: InProcess, tmp_path: Path, no_data: None
) -> None:
    chosen = ("space=nasbench101", f"algo={algo}", "reg=none")
    code, _, errors = in_process("search", *chosen, f"root={tmp_path}")
    assert code == 2
    assert f"algo={algo} {why}" in errors
    if "mixtures" in why:
        assert "with this space work algo=nao,spos,spos_unique (" in errors
        assert "network=" not in errors  # no network of this space has what is lacking
    assert len(errors.strip().splitlines()) == 1
    assert not list(tmp_path.glob("*/search/*/config.yaml"))


def test_what_goes_together_is_let_through(in_process: InProcess, tmp_path: Path) -> None:
    short = ("trainer.steps=2", "strategy.budget=2", "scoring.images=50", "network.channels=2")
    code, _, errors = in_process("search", "algo=spos", "reg=none", f"root={tmp_path}", *OWN, *short)
    assert (code, errors.count("Error")) == (0, 0)


def test_partial_channels_on_a_space_without_them(
    in_process: InProcess, tmp_path: Path, no_data: None
) -> None:
    code, _, errors = in_process("search", "space=macro", "algo=pcdarts", "reg=none", f"root={tmp_path}")
    assert code == 2
    assert "algo=pcdarts needs operations on a part of the channels" in errors
    assert "the super-net of space=macro" in errors
    assert errors.strip().endswith("with this space work algo=darts,darts2,fairnas,gdas,nao,spos,spos_unique")
    assert "network=" not in errors  # no network of this space has them


@pytest.mark.parametrize(
    ("space", "network"), [("macro", "nasbench201"), ("nasbench201", "macro"), ("nasbench101", "nasbench201")]
)
@pytest.mark.parametrize("command", ["search", "train-landmarks"])
def test_a_network_of_another_space(
    command: str, space: str, network: str, in_process: InProcess, tmp_path: Path, no_data: None
) -> None:
    code, _, errors = in_process(command, f"space={space}", f"network={network}", f"root={tmp_path}")
    assert code == 2
    assert f"not of space={space}; leave network out" in errors
    assert len(errors.strip().splitlines()) == 1
    assert not any(tmp_path.glob("*/landmarks"))


def test_fairnas_on_decisions_that_differ() -> None:
    space = NASBench201()
    space.options = (("a", "b"), ("a", "b", "c"))
    with pytest.raises(LmregError, match="as many options at every decision"):
        FairNAS().check(space)
