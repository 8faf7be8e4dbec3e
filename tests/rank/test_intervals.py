from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from lmreg.rank.correlation import kendall_tau_b, resamples
from lmreg.rank.intervals import Estimate, estimate, holm, leave_outs, mean_over_seeds


def test_the_interval_covers_the_truth_as_often_as_it_claims() -> None:
    """A bivariate normal with correlation r has τ = 2/π · asin r; a 90 % interval misses it in 10 % of
    cases."""
    rng, hits, trials = np.random.default_rng(0), 0, 300
    true_tau = 2 / np.pi * np.arcsin(0.6)
    draws = resamples(60, 300, seed=0)
    for _ in range(trials):
        x = rng.normal(size=60)
        y = 0.6 * x + 0.8 * rng.normal(size=60)
        figure = estimate(kendall_tau_b(x, y, draws), 60, 0.9)
        hits += figure.low <= true_tau <= figure.high
    assert 0.83 < hits / trials < 0.96


def test_estimate_and_its_text() -> None:
    figure = estimate(np.array([0.5, *np.linspace(0, 1, 101)]), 12, 0.9)
    assert figure == Estimate(0.5, pytest.approx(0.05), pytest.approx(0.95), 12)
    assert str(figure) == "0.500 [0.050, 0.950]"


def test_mean_over_seeds() -> None:
    mean, low, high, p = mean_over_seeds(np.array([0.1, 0.2, 0.3]), 0.95)
    assert mean == pytest.approx(0.2)
    half = stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
    assert (low, high) == (pytest.approx(0.2 - half), pytest.approx(0.2 + half))
    assert p == pytest.approx(stats.ttest_1samp([0.1, 0.2, 0.3], 0).pvalue)
    assert np.isnan(mean_over_seeds(np.array([0.1]), 0.95)[3])


def test_two_seeds_have_no_interval_and_no_p_value() -> None:
    """Student's interval of two values would extend to either side by six times their difference."""
    mean, *rest = mean_over_seeds(np.array([0.1, 0.2]), 0.95)
    assert mean == pytest.approx(0.15)
    assert np.isnan(rest).all()


def test_bca_is_scipys(rng: np.random.Generator) -> None:
    """For a skewed mean, whose percentile interval differs."""
    n, confidence = 40, 0.9
    sample = rng.exponential(size=n)
    counts = np.vstack([resamples(n, 20_000, seed=0), leave_outs(n)])
    values = counts @ sample / counts.sum(1)
    mine = estimate(values, n, confidence, left_out=n)
    scipys = stats.bootstrap(
        (sample,), np.mean, n_resamples=20_000, confidence_level=confidence, method="BCa", random_state=1
    ).confidence_interval
    spread = sample.std() / np.sqrt(n)
    assert (mine.low, mine.high) == pytest.approx(tuple(scipys), abs=0.1 * spread)
    percentile = estimate(values[:-n], n, confidence)
    assert mine.high - percentile.high > 0.06 * spread


def test_bca_is_defined_wherever_percentiles_are() -> None:
    constant = np.full(1 + 20 + 5, 0.3)
    assert estimate(constant, 5, 0.95, left_out=5) == Estimate(0.3, 0.3, 0.3, 5)
    at_edge = np.array([1.0, *np.linspace(0, 0.9, 20), *np.ones(5)])  # all resamples are below the value
    assert estimate(at_edge, 5, 0.95, left_out=5) == estimate(at_edge[:-5], 5, 0.95)
    undefined = np.array([0.5, *np.linspace(0, 1, 20), np.nan, 0.4, 0.5, 0.6, 0.5])
    assert estimate(undefined, 5, 0.95, left_out=5) == estimate(undefined[:-5], 5, 0.95)


def test_leave_outs_of_many_are_groups() -> None:
    assert np.array_equal(leave_outs(3), 1 - np.eye(3))
    rows = leave_outs(2500)
    assert rows.shape == (1000, 2500)
    assert ((rows == 0).sum(0) == 1).all()


def test_holm_by_hand() -> None:
    p = np.array([0.04, np.nan, 0.01, 0.03, 0.9])
    assert holm(p) == pytest.approx([0.09, np.nan, 0.04, 0.09, 0.9], nan_ok=True)
    assert np.isnan(holm(np.array([np.nan]))).all()
    assert holm(np.array([0.02])) == pytest.approx([0.02])


def test_seeds_that_agree_but_for_rounding_have_no_p_value() -> None:
    """Gains with a small pool are multiples of one step; rounding makes their last bits differ."""
    values = np.array([0.35714285714285715 - 0.2857142857142857, 0.5 - 0.42857142857142855, 1 / 14])
    assert np.ptp(values) > 0
    mean, *others = mean_over_seeds(values, 0.95)
    assert mean == pytest.approx(1 / 14)
    assert np.isnan(others).all()


def test_a_search_starts_without_loading_scipys_statistics() -> None:
    code = "import sys, lmreg.commands.search; print('scipy.stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
