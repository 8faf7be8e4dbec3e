"""Which runs are compared with each other, on constructed runs; test_pipeline.py tests the values."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from lmreg.rank.compare import matched_pairs, paired_gains, why_unpaired
from lmreg.rank.correlation import Draws
from lmreg.rank.finished_run import FinishedRun, distinct
from lmreg.rank.pool import Ranking
from lmreg.rank.statistics import ResampledTruth


def run(reg: str, seed: int, channels: int = 8, data: str = "d") -> FinishedRun:
    cfg = {"reg": {"name": reg}, "seed": seed, "network": {"channels": channels}, "scoring": {"by": "loss"}}
    result = {"algo": "spos", "reg": reg, "seed": seed, "data_hash": data, "overrides": [], "paths": 9}
    return FinishedRun(Path(f"{reg}-{seed}-{channels}"), OmegaConf.create(cfg), result)


def rank(run: FinishedRun, values: np.ndarray) -> Ranking:
    scored: Any = SimpleNamespace(run=run)
    return Ranking(values, scored, run.label(set()), "loss")


@pytest.fixture
def truths() -> ResampledTruth:
    return ResampledTruth(np.arange(20.0), Draws(20, 200, seed=0), 100.0, 0.95)


def test_pairs_share_data_and_all_config_but_the_regulariser() -> None:
    runs = [run("none", 0), run("landmark", 0), run("landmark", 1), run("landmark", 0, channels=16)]
    assert matched_pairs(runs) == [(runs[0], runs[1])]
    assert matched_pairs([run("none", 0, data="old"), run("landmark", 0, data="new")]) == []


def test_the_differences_of_the_most_similar_runs_are_named() -> None:
    runs = [run("none", 0), run("none", 1, channels=4), run("landmark", 1, channels=16), run("landmark", 2)]
    assert (
        why_unpaired(runs) == "the most similar are none-0-8 and landmark-2-8, which differ in seed: 0 -> 2"
    )
    other_data = [run("none", 0, data="old"), run("landmark", 0, data="new")]
    assert why_unpaired(other_data).endswith("differ in their images or splits")
    assert why_unpaired(runs[:2]) == "no run has a regulariser; search with reg=landmark too"
    assert why_unpaired(runs[2:]) == "all runs have a regulariser; search with reg=none too"


def test_a_mean_is_over_runs_that_differ_in_the_seed_only(truths: ResampledTruth) -> None:
    rng = np.random.default_rng(0)
    rankings = []
    for seed, channels in ((0, 8), (1, 8), (2, 16)):
        for reg, noise in (("none", 20.0), ("landmark", 4.0)):
            rankings.append(rank(run(reg, seed, channels), truths.values + noise * rng.normal(size=20)))
    table = paired_gains(rankings, truths)
    (mean,) = table[table["seed"] == "mean"].to_dict("records")
    assert mean["seeds"] == 2
    gains = table[table["seed"].isin(["0", "1"])]["gain"]
    assert mean["gain"] == pytest.approx(gains.mean())
    assert mean["gain_pool_low"] < mean["gain"] < mean["gain_pool_high"]
    assert np.isnan([mean["gain_low"], mean["gain_high"], mean["p_value"]]).all()  # only two seeds


def search(reg: str, seed: int | str = 0, algo: str = "spos", **other: Any) -> FinishedRun:
    """A run with a complete config."""
    scoring = {"by": "loss", "batch_size": 500, "images": None, "norm": "batch", "calibration_images": 1000}
    cfg = {
        "algo": {"_target_": f"lmreg.algo.{algo}.{ {'spos': 'SPOS', 'nao': 'NAO'}[algo] }", "name": algo},
        "reg": {"name": reg},
        "seed": seed,
        "strategy": {"name": "random"},
        "scoring": scoring,
        "log_every": 50,
        "network": {"channels": 8},
    }
    for key, value in other.items():
        cfg[key] = {**cfg[key], **value} if isinstance(value, dict) and key in cfg else value
    overrides = [f"{key}={value}" for key, value in other.items()]
    result = {
        "algo": algo,
        "reg": reg,
        "seed": int(seed),
        "data_hash": "d",
        "overrides": overrides,
        "paths": 9,
    }
    name = "-".join([algo, reg, *overrides, f"s{seed}"])
    return FinishedRun(Path(name), OmegaConf.create(cfg), result)


def test_runs_with_the_same_super_net_pair_however_it_is_searched_and_logged() -> None:
    without = search("none")
    for other in (
        {"log_every": 10},
        {"strategy": {"name": "evolution"}},
        {"scoring": {"by": "accuracy"}},
    ):
        run = search("landmark", **other)
        assert matched_pairs([without, run]) == [(without, run)], other
    # These rank differently, unless evaluate scores all with one policy.
    run = search("landmark", scoring={"norm": "recalibrate"})
    assert matched_pairs([without, run]) == []
    assert matched_pairs([without, run], norm="batch") == [(without, run)]
    # NAO scores sub-nets during training.
    nao = [search("none", algo="nao"), search("landmark", algo="nao", scoring={"by": "accuracy"})]
    assert matched_pairs(nao) == []
    # In rounds the regularised run searches during training, so its strategy may differ.
    rounds = search("landmark", landmarks={"rounds": 2, "add": 3}, strategy={"name": "evolution"})
    assert matched_pairs([without, rounds]) == [(without, rounds)]


def noisy(truths: ResampledTruth, noise: float, seed: int) -> np.ndarray:
    return truths.values + noise * np.random.default_rng(seed).normal(size=truths.n)


def test_one_super_net_counts_once_in_a_mean(truths: ResampledTruth) -> None:
    """With two searches of each super-net the mean is over two seeds, not over four runs."""
    rankings = []
    for seed in (0, 1):
        for reg in ("none", "landmark"):
            values = noisy(truths, 4 + 9 * (reg == "none"), seed)
            for strategy in ("random", "evolution"):
                rankings.append(rank(search(reg, seed, strategy={"name": strategy}), values))
    table = paired_gains(rankings, truths)
    assert table["seed"].tolist() == ["0", "1", "mean"]
    assert table["seeds"].max() == 2


def test_both_sides_of_a_mean_have_the_same_seeds(truths: ResampledTruth) -> None:
    without = {seed: noisy(truths, 20, seed) for seed in (0, 1, 3, 4)}
    landmark = {seed: noisy(truths, 4, seed + 9) for seed in (0, 1, 2, 4)}
    landmark[4] = np.ones(truths.n)  # all tied, so tau is undefined
    rankings = [rank(search("none", seed), values) for seed, values in without.items()]
    rankings += [rank(search("landmark", seed), values) for seed, values in landmark.items()]
    table = paired_gains(rankings, truths)
    (mean,) = table[table["seed"] == "mean"].to_dict("records")
    both = table[table["seed"].isin(["0", "1"])]
    for column in ("tau_without", "tau_with", "gain"):
        assert mean[column] == pytest.approx(both[column].mean()), column
    assert mean["gain"] == pytest.approx(mean["tau_with"] - mean["tau_without"])
    assert mean["seeds"] == 2
    assert mean["left_out"] == (
        "2 (only with the regulariser), 3 (only without the regulariser), 4 (all its scores are equal)"
    )


def test_the_rival_is_the_best_of_the_cheap_rankings(truths: ResampledTruth) -> None:
    runs = [search("landmark", seed) for seed in range(3)]
    rankings = [rank(run, noisy(truths, 6, i)) for i, run in enumerate(runs)]
    cheap = [
        Ranking(noisy(truths, 30, 7), baseline="params"),
        Ranking(noisy(truths, 3, 8), baseline="anything"),  # any name is allowed
        Ranking(np.ones(truths.n), baseline="macs"),
    ]
    table = paired_gains(rankings, truths, {run.name: cheap for run in runs})
    assert set(table["against"]) == {"anything"}
    assert set(table["rivals"]) == {3}
    assert set(table["comparison"]) == {"spos landmark over anything"}
    (mean,) = table[table["seed"] == "mean"].to_dict("records")
    assert mean["seeds"] == 3
    assert mean["p_holm"] == mean["p_value"]  # a single test


def test_p_values_are_corrected_for_the_tests_of_the_table(truths: ResampledTruth) -> None:
    rankings = []
    for seed in range(3):
        for reg, noise in (("none", 12.0), ("landmark", 5.0)):
            rankings.append(rank(search(reg, seed), noisy(truths, noise, seed + 5 * (reg == "none"))))
    cheap = [Ranking(noisy(truths, 30, 7), baseline="params")]
    table = paired_gains(rankings, truths, {r.run.name: cheap for r in rankings if r.run})
    tests = table[table["p_value"].notna()]
    assert len(tests) == 3
    assert tests["p_holm"].min() == pytest.approx(3 * tests["p_value"].min())


def test_repetitions_are_found_by_their_values() -> None:
    runs = [search("none", "00"), search("none", 0), search("none", "000"), search("none", 1)]
    distinct_runs, again = distinct(runs)
    assert [run.name for run in distinct_runs] == ["spos-none-s0", "spos-none-s1"]
    assert {name: run.name for name, run in again.items()} == dict.fromkeys(
        ("spos-none-s00", "spos-none-s000"), "spos-none-s0"
    )
