"""Which runs are compared with which, on runs made up for it; their figures are tested in the pipeline."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from lmreg.rank.compare import paired, pairs_of, unpaired
from lmreg.rank.correlation import Draws
from lmreg.rank.finished import FinishedRun
from lmreg.rank.pool import Ranking
from lmreg.rank.statistics import Truths


def run(reg: str, seed: int, channels: int = 8, data: str = "d") -> FinishedRun:
    cfg = {"reg": {"name": reg}, "seed": seed, "network": {"channels": channels}, "scoring": {"by": "loss"}}
    result = {"algo": "spos", "reg": reg, "seed": seed, "data_hash": data, "overrides": [], "paths": 9}
    return FinishedRun(Path(f"{reg}-{seed}-{channels}"), OmegaConf.create(cfg), result)


def rank(run: FinishedRun, values: np.ndarray) -> Ranking:
    scored: Any = SimpleNamespace(run=run)
    return Ranking(values, scored, run.label(set()), "loss")


@pytest.fixture
def truths() -> Truths:
    return Truths(np.arange(20.0), Draws(20, 200, seed=0), 100.0, 0.95)


def test_pairs_share_data_and_all_config_but_the_regulariser() -> None:
    runs = [run("none", 0), run("landmark", 0), run("landmark", 1), run("landmark", 0, channels=16)]
    assert pairs_of(runs) == [(runs[0], runs[1])]
    assert pairs_of([run("none", 0, data="old"), run("landmark", 0, data="new")]) == []


def test_what_keeps_the_nearest_two_apart_is_named() -> None:
    runs = [run("none", 0), run("none", 1, channels=4), run("landmark", 1, channels=16), run("landmark", 2)]
    assert unpaired(runs) == "none-0-8 and landmark-2-8 are nearest, but differ in seed: 0 -> 2"
    other_data = [run("none", 0, data="old"), run("landmark", 0, data="new")]
    assert unpaired(other_data).endswith("differ in their images or splits")
    assert unpaired(runs[:2]) == "none has a regulariser; search with reg=landmark too"
    assert unpaired(runs[2:]) == "all have a regulariser; search with reg=none too"


def test_a_mean_is_over_runs_that_differ_in_the_seed_only(truths: Truths) -> None:
    rng = np.random.default_rng(0)
    rankings = []
    for seed, channels in ((0, 8), (1, 8), (2, 16)):
        for reg, noise in (("none", 20.0), ("landmark", 4.0)):
            rankings.append(rank(run(reg, seed, channels), truths.values + noise * rng.normal(size=20)))
    table = paired(rankings, truths)
    (mean,) = table[table["seed"] == "mean"].to_dict("records")
    assert mean["seeds"] == 2
    gains = table[table["seed"].isin(["0", "1"])]["gain"]
    assert mean["gain"] == pytest.approx(gains.mean())
    assert mean["gain_pool_low"] < mean["gain"] < mean["gain_pool_high"]
    # Two seeds tell little, whatever the pool says.
    assert mean["gain_high"] - mean["gain_low"] > mean["gain_pool_high"] - mean["gain_pool_low"]
