from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lmreg.experiment.study import Options, Study
from lmreg.landmarks.truth import LandmarkSet
from lmreg.rank.baselines import (
    cost_rankings,
    network_costs,
    ridge_and_score_rankings,
    ridge_costs_ranking,
    ridge_ranking,
)
from lmreg.rank.score_cache import ScoreCache
from lmreg.space.nasbench201 import NASBench201
from lmreg.task.classification import Classification


def members(space: NASBench201, texts: list[str], scores: np.ndarray) -> LandmarkSet:
    archs = tuple(space.parse(text) for text in texts)
    return LandmarkSet(archs, scores, np.full(len(archs), np.nan), "acc_percent", 1)


class Oracle:
    """Stands in for a super-net with given scores."""

    def __init__(self, space: NASBench201, losses: dict[Any, float]):
        self.study = SimpleNamespace(space=space, task=Classification())
        self._losses = losses

    def scores(self, archs: Any) -> pd.DataFrame:
        loss = np.array([self._losses[arch] for arch in archs])
        return pd.DataFrame({"loss_nats": loss, "accuracy_percent": -loss})


def tau(truth: np.ndarray, values: np.ndarray) -> float:
    return float(stats.kendalltau(truth, values).statistic)


def test_reference_values_on_the_real_table(real_data: Path, space: NASBench201) -> None:
    """Kendall's tau on NAS-Bench-201, CIFAR-10: parameters .578; ridge .45 from 30 landmarks, .60 from 100.

    The references are for the full table and this is a half of it, hence .03 for the parameters; ridge
    is a mean over 20 draws of landmarks (standard error about .015), hence .04.
    """
    table = pd.read_csv(real_data / "nasbench201_half.csv")
    truth = table["cifar10_test_acc_percent"].to_numpy()
    assert tau(truth, table["params"].to_numpy()) == pytest.approx(0.578, abs=0.03)
    texts, scores = list(table["arch"]), table["cifar10_valid_acc_percent"].to_numpy()
    for count, expected in ((30, 0.45), (100, 0.60)):
        taus, rng = [], np.random.default_rng(0)
        for _ in range(20):
            drawn = rng.permutation(len(table))
            chosen, rest = drawn[:count], drawn[count : count + 1000]
            landmarks, pool = (members(space, [texts[i] for i in d], scores[d]) for d in (chosen, rest))
            taus.append(tau(truth[rest], ridge_ranking(space, landmarks, pool).values))
        assert np.mean(taus) == pytest.approx(expected, abs=0.04)


def test_a_good_score_helps_ridge_and_noise_does_little_harm(
    real_data: Path, space: NASBench201, rng: np.random.Generator
) -> None:
    table = pd.read_csv(real_data / "nasbench201_half.csv").sample(1030, random_state=0)
    texts, truth = list(table["arch"]), table["cifar10_test_acc_percent"].to_numpy()
    landmarks, pool = members(space, texts[:30], truth[:30]), members(space, texts[30:], truth[30:])
    alone = tau(pool.scores, ridge_ranking(space, landmarks, pool).values)
    twelve_epochs = -table["cifar10_valid_acc_12ep_percent"].to_numpy()
    found = {}
    for name, losses in (("good", twelve_epochs), ("noise", rng.normal(size=1030))):
        run = Oracle(space, dict(zip([*landmarks.archs, *pool.archs], losses, strict=True)))
        by_loss, by_accuracy = ridge_and_score_rankings(cast(ScoreCache, run), "", landmarks, pool)
        assert (by_loss.score, by_accuracy.score) == ("loss", "accuracy")
        assert by_loss.values == pytest.approx(by_accuracy.values)  # the same order gives the same feature
        found[name] = tau(pool.scores, by_loss.values)
    assert found["good"] > alone + 0.05
    assert abs(found["noise"] - alone) < 0.1


def test_costs_are_counted_once(composed: Any, space: NASBench201, tmp_path: Path) -> None:
    study = Study(composed("search", "network.channels=2"), Options())
    texts = [space.format(space.arch((i, 1, 0, 2, 4, 1))) for i in range(5)]
    pool = members(space, texts, np.arange(5.0))
    first = cost_rankings(space, pool, network_costs(study, [pool], tmp_path))
    assert [r.baseline for r in first] == ["params", "macs"]
    for i, arch in enumerate(pool.archs):
        assert {r.baseline: r.values[i] for r in first} == study.cost(arch)
    study.cost = None  # type: ignore[assignment,method-assign]
    for old, new in zip(
        first, cost_rankings(space, pool, network_costs(study, [pool], tmp_path)), strict=True
    ):
        assert np.array_equal(old.values, new.values)


def test_costs_of_a_changed_space_are_counted_again(composed: Any, tmp_path: Path) -> None:
    """A custom space's file may change under the same name and with the same choices."""
    text = (
        "stages:\n  - layers: 1\n    width: 4\n    stride: 2\n    choices:\n"
        "      a: {_target_: torch.nn.Conv2d, in_channels: $c_in, out_channels: $c_out, stride: $stride,\n"
        "          kernel_size: KERNEL, padding: PADDING}\n"
        "      b: {_target_: torch.nn.Conv2d, in_channels: $c_in, out_channels: $c_out, kernel_size: 1,\n"
        "          stride: $stride}\n"
    )
    file, found = tmp_path / "my.yaml", []
    for kernel, padding in ((3, 1), (5, 2)):
        file.write_text(text.replace("KERNEL", str(kernel)).replace("PADDING", str(padding)))
        study = Study(composed("search", "space=custom", f"space.path={file}"), Options())
        archs = tuple(study.space.parse(name) for name in "ab")
        pool = LandmarkSet(archs, np.zeros(2), np.full(2, np.nan), "acc", 1)
        table = network_costs(study, [pool], tmp_path / "cache")
        assert table["params"].tolist() == [study.cost(arch)["params"] for arch in archs]
        found.append(table["params"].tolist())
    assert found[1][0] > found[0][0]
    assert found[1][1] == found[0][1]


def test_costs_help_ridge_on_the_real_table(real_data: Path, space: NASBench201) -> None:
    """Mean over 60 draws of 30 landmarks: parameters .576, ridge .455, with the ranks by costs .564."""
    table = pd.read_csv(real_data / "nasbench201_half.csv")
    costs = table.set_index("arch")[["params", "macs"]]
    texts, valid = list(table["arch"]), table["cifar10_valid_acc_percent"].to_numpy()
    test, rng = table["cifar10_test_acc_percent"].to_numpy(), np.random.default_rng(0)
    found: dict[str, list[float]] = {"ridge": [], "ridge_costs": [], "params": []}
    for _ in range(15):
        drawn = rng.permutation(len(table))
        chosen, rest = drawn[:30], drawn[30:530]
        landmarks, pool = (members(space, [texts[i] for i in d], valid[d]) for d in (chosen, rest))
        for made in [
            ridge_ranking(space, landmarks, pool),
            ridge_costs_ranking(space, landmarks, pool, costs),
            *cost_rankings(space, pool, costs)[:1],
        ]:
            found[made.baseline].append(tau(test[rest], made.values))
    assert np.mean(found["params"]) == pytest.approx(0.576, abs=0.03)
    assert np.mean(found["ridge"]) == pytest.approx(0.455, abs=0.05)
    assert np.mean(found["ridge_costs"]) == pytest.approx(0.564, abs=0.05)
