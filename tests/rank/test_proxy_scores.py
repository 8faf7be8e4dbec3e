from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import Compose

from lmreg.config.compose import composed as composed_by
from lmreg.errors import Interrupted, LmregError
from lmreg.experiment.study import Options, Study
from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe
from lmreg.rank import proxy_scores
from lmreg.rank.proxy_scores import ProxiesConfig, ProxyScores
from lmreg.space.base import Arch
from lmreg.space.nasbench201 import NASBench201

NONE = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
FEW = ["params", "nwot", "zico"]


@dataclass
class OnesConfig:
    name: str = "ones"


class Ones(Proxy):
    """A score of one's own."""

    def __init__(self, config: OnesConfig):
        self.config = config

    def score(self, probe: Probe) -> float:
        return 1.0


@pytest.fixture
def study(composed: Compose, tmp_path: Path) -> Study:
    cfg = composed("search", "network.channels=2", f"root={tmp_path}")
    return Study(cfg, Options(cfg.study, cfg.root, threads=1))


@pytest.fixture
def archs(space: NASBench201, rng: np.random.Generator) -> list[Arch]:
    return [space.sample(rng) for _ in range(11)]


def scores(study: Study, **options: object) -> ProxyScores:
    config = ProxiesConfig(**({"use": FEW, "beside": [], "batch_size": 8, "workers": 1} | options))  # type: ignore[arg-type]
    return ProxyScores(study, config, study.data.hash)


def test_a_row_per_architecture_and_a_column_per_score(study: Study, archs: list[Arch]) -> None:
    table = scores(study).table(archs)
    assert table.index.tolist() == [study.space.format(arch) for arch in archs]
    assert table.columns.tolist() == FEW
    assert table["params"].tolist() == [study.cost(arch)["params"] for arch in archs]
    assert np.isfinite(table.to_numpy()).all()


def test_they_are_computed_once(study: Study, archs: list[Arch], monkeypatch: pytest.MonkeyPatch) -> None:
    first = scores(study).table(archs)
    computed: list[int] = []
    real = proxy_scores._scores
    monkeypatch.setattr(
        proxy_scores, "_scores", lambda *args, **more: computed.append(len(args[1])) or real(*args, **more)
    )
    pd.testing.assert_frame_equal(scores(study).table(archs[::-1]), first.iloc[::-1], check_exact=False)
    assert computed == []
    more = scores(study, use=[*FEW, "synflow"]).table(archs[:3])
    assert more.columns.tolist() == [*FEW, "synflow"]
    assert sum(computed) == 3
    pd.testing.assert_frame_equal(more[FEW], first.iloc[:3], check_exact=False)
    assert scores(study).table(archs).notna().all().all()


@pytest.mark.parametrize("other", [{"seed": 1}, {"batch_size": 9}, {"repeats": 2}, {"network": {"cells": 2}}])
def test_other_options_have_other_files(study: Study, other: dict[str, object]) -> None:
    assert scores(study, **other).path != scores(study).path


def test_workers_give_the_same_numbers(
    study: Study, archs: list[Arch], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = scores(study).table(archs)
    monkeypatch.setattr(proxy_scores, "_WORTH_A_PROCESS", 2)
    scores(study).path.unlink()
    pd.testing.assert_frame_equal(scores(study, workers=2).table(archs), alone, check_exact=False)


def test_a_stopped_call_keeps_what_it_has(
    study: Study, archs: list[Arch], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = scores(study).table(archs)
    scores(study).path.unlink()
    real = proxy_scores._scores

    def signalled(*args: Any, **more: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return real(*args, **more)

    monkeypatch.setattr(proxy_scores, "_scores", signalled)
    with pytest.raises(Interrupted, match="8 of 11 architectures scored without training; run the same"):
        scores(study).table(archs)
    monkeypatch.undo()
    assert len(pd.read_csv(scores(study).path)) == 8
    pd.testing.assert_frame_equal(scores(study).table(archs), expected, check_exact=False)


def test_a_dead_network_is_worst(study: Study, archs: list[Arch]) -> None:
    dead = study.space.parse(NONE)
    table = scores(study, use=[*FEW, "synflow", "jacob_cov", "trainability"]).table([*archs, dead])
    assert table.notna().all().all()
    ranks = table.rank(method="min").iloc[-1]
    assert (ranks <= 2).all(), ranks


def test_initialisations_are_averaged(study: Study, archs: list[Arch]) -> None:
    one, two = (scores(study, repeats=repeats).table(archs)["nwot"] for repeats in (1, 2))
    assert one.corr(two, method="spearman") > 0.8
    assert (one != two).any()


def test_networks_may_be_larger_than_the_super_net(study: Study, archs: list[Arch]) -> None:
    plain = scores(study).table(archs)["params"]
    assert (scores(study, network={"channels": 4}).table(archs)["params"] > plain).all()


def test_own_scores_are_classes(study: Study, archs: list[Arch]) -> None:
    name = f"{Ones.__module__}.Ones"
    study.options.allow_packages.append(name.partition(".")[0])
    assert scores(study, use=["params", name]).table(archs[:2])[name].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"use": ["nwott"]}, "proxies.use=nwott; did you mean 'nwot'?"),
        ({"network": {"chanels": 4}}, "proxies.network has the key 'chanels'; did you mean 'channels'?"),
    ],
)
def test_what_cannot_be_is_refused(
    study: Study, archs: list[Arch], options: dict[str, object], said: str
) -> None:
    with pytest.raises(LmregError) as error:
        scores(study, **options).table(archs)
    assert said in str(error.value)


def test_other_data_is_refused(study: Study, archs: list[Arch]) -> None:
    with pytest.raises(LmregError, match="has changed since the searches"):
        ProxyScores(study, ProxiesConfig(use=FEW), "other").table(archs)


def test_batches_are_as_large_as_the_data_allows(study: Study, archs: list[Arch]) -> None:
    half = len(study.data.split("train")) // 2
    first, second = (scores(study, batch_size=size).table(archs[:1]) for size in (half, half + 1))
    pd.testing.assert_frame_equal(first, second)


def test_no_scores_are_no_columns(study: Study, archs: list[Arch]) -> None:
    assert scores(study, use=[]).table(archs).shape == (11, 0)


def test_scores_beside_do_not_vote(study: Study, archs: list[Arch]) -> None:
    both = scores(study, use=["params", "nwot"], beside=["grad_norm", "nwot"])
    assert (both.names, both.voters) == (["params", "nwot", "grad_norm"], 2)
    assert both.table(archs[:2]).columns.tolist() == both.names
    assert scores(study, use=[], beside=["grad_norm"]).names == []
    with pytest.raises(LmregError, match=r"proxies\.beside=snipp; did you mean 'snip'\?"):
        scores(study, beside=["snipp"])


class Broken(Ones):
    def score(self, probe: Probe) -> float:
        return {"nan": float("nan")}[self.config.name]


class Undefined(Ones):
    def score(self, probe: Probe) -> float:
        return float("nan")


def test_a_score_that_fails_is_named(study: Study, archs: list[Arch]) -> None:
    study.options.allow_packages.append("tests")
    name = f"{Broken.__module__}.Broken"
    with pytest.raises(LmregError, match=rf"the training-free score {re.escape(name)} failed: .*ones"):
        scores(study, use=["params", name]).table(archs[:2])


def test_a_score_that_is_defined_for_nothing_is_told(
    study: Study, archs: list[Arch], capsys: pytest.CaptureFixture[str]
) -> None:
    study.options.allow_packages.append("tests")
    scores(study, use=["params", f"{Undefined.__module__}.Undefined"]).table(archs[:3])
    assert "Undefined is defined for none of these architectures" in capsys.readouterr().out


@pytest.mark.parametrize("given", ["proxies.network={channels:3}", "proxies.network.channels=3"])
def test_options_of_its_networks_are_given_as_the_page_shows(given: str) -> None:
    for command in ("evaluate", "search"):
        cfg, _ = composed_by(command, [given])
        assert dict(cfg.proxies.network) == {"channels": 3}
