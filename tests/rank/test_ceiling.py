from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lmreg.landmarks.truth import LandmarkSet
from lmreg.rank.ceiling import ceiling, expected_tau
from lmreg.rank.statistics import ResampledTruth
from lmreg.space.base import Arch


def pool_of(by_seed: np.ndarray) -> LandmarkSet:
    """A pool, best first like every set of landmarks."""
    by_seed = by_seed[np.argsort(-by_seed.mean(1), kind="stable")]
    count = by_seed.shape[1]
    errors = by_seed.std(1, ddof=1) / np.sqrt(count) if count > 1 else np.full(len(by_seed), np.nan)
    archs = tuple(Arch("s", (i,)) for i in range(len(by_seed)))
    return LandmarkSet(archs, by_seed.mean(1), errors, "acc", 1, by_seed)


def truths_of(pool: LandmarkSet) -> ResampledTruth:
    return ResampledTruth.of(pool, bootstrap=200, seed=0, confidence=0.95)


def test_it_is_the_tau_that_the_true_means_reach(rng: np.random.Generator) -> None:
    """The true means are known here: scores are these plus the noise of each seed."""
    true = rng.normal(size=1500)
    by_seed = true[:, None] + 0.6 * rng.normal(size=(1500, 3))
    pool = pool_of(by_seed)
    found = ceiling(pool, truths_of(pool), None)
    assert found is not None
    reached = stats.kendalltau(true, by_seed.mean(1)).statistic
    assert found.tau.value == pytest.approx(reached, abs=0.015)
    assert found.tau.low < found.tau.value < found.tau.high
    assert found.agreement.value == pytest.approx(
        np.mean(
            [stats.kendalltau(by_seed[:, i], by_seed[:, j]).statistic for i, j in ((0, 1), (0, 2), (1, 2))]
        )
    )


def test_from_means_and_standard_errors_it_is_about_the_same(rng: np.random.Generator) -> None:
    pool = pool_of(rng.normal(size=(800, 1)) + 0.5 * rng.normal(size=(800, 2)))
    known = ceiling(pool, truths_of(pool), None)
    bare = replace(pool, by_seed=None)
    drawn = ceiling(bare, truths_of(bare), trainings=2)
    assert known is not None
    assert drawn is not None
    assert (known.from_errors, drawn.from_errors) == (False, True)
    assert drawn.tau.value == pytest.approx(known.tau.value, abs=0.02)


def test_there_is_no_ceiling_if_the_noise_is_unknown(rng: np.random.Generator) -> None:
    pool = pool_of(rng.normal(size=(20, 1)))
    assert ceiling(pool, truths_of(pool), 1) is None
    assert ceiling(pool, truths_of(pool), None) is None
    assert ceiling(replace(pool, by_seed=None), truths_of(pool), 2) is None  # errors unknown


def test_architectures_with_one_training_are_left_out_of_the_agreement(rng: np.random.Generator) -> None:
    by_seed = rng.normal(size=(50, 1)) + 0.5 * rng.normal(size=(50, 2))
    pool = pool_of(by_seed)
    some = np.array(pool.by_seed)
    some[::5, 1] = np.nan
    found = ceiling(replace(pool, by_seed=some), truths_of(pool), None)
    assert found is not None
    both = np.isfinite(some).all(1)
    assert found.agreement.value == pytest.approx(stats.kendalltau(*some[both].T).statistic)
    assert found.trainings == pytest.approx(1.8)


def test_the_formula_by_hand() -> None:
    assert expected_tau(np.array([1.0, 0.0, -0.3]), 2).tolist() == [1.0, 0.0, 0.0]
    # tau 1/3 corresponds to a correlation of 1/2; its root for one training gives tau 2/π · asin √½ = 1/2.
    assert expected_tau(np.array([1 / 3]), 1) == pytest.approx([0.5])


def test_two_seeds_of_a_real_benchmark_predict_the_third(real_data: Path) -> None:
    """On NAS-Bench-Macro two training seeds agree at .882. The formula predicts that the mean of two agrees
    with a third at .897; it is .896."""
    table = pd.read_csv(real_data / "nasbench_macro.csv", dtype={"arch": str})
    by_seed = table[[f"test_acc_seed{seed}" for seed in range(3)]].to_numpy()
    pairs = [stats.kendalltau(by_seed[:, i], by_seed[:, j]).statistic for i, j in ((0, 1), (0, 2), (1, 2))]
    agreement = np.mean(pairs)
    assert agreement == pytest.approx(0.882, abs=0.002)
    one, two = (np.sin(np.pi / 2 * expected_tau(np.array(agreement), k)) for k in (1, 2))
    predicted = 2 / np.pi * np.arcsin(one * two)
    measured = stats.kendalltau(by_seed[:, :2].mean(1), by_seed[:, 2]).statistic
    assert predicted == pytest.approx(measured, abs=0.005)
    assert expected_tau(np.array(agreement), 3) == pytest.approx(0.951, abs=0.002)
