from __future__ import annotations

import math

import pandas as pd
import pytest

from lmreg.report import words

NAN = math.nan


def rows(gains: list[float], mean: tuple[float, float, float, float] | None = None) -> pd.DataFrame:
    """As in paired.csv; ``mean``: gain, low, high, p."""

    def row(seed: str, gain: float, low: float, high: float, p: float) -> dict[str, object]:
        taus = {"tau_without": 0.3, "tau_with": 0.3 + gain}
        interval = {"gain": gain, "gain_low": low, "gain_high": high, "p_value": p}
        shared = {"comparison": "spos landmark", "score": "loss", "n": 40, "seeds": len(gains)}
        return {**shared, "seed": seed, **taus, **interval}

    table = [row(str(i), g, g - 0.1, g + 0.1, NAN) for i, g in enumerate(gains)]
    return pd.DataFrame([*table, row("mean", *mean)] if mean else table)


CASES = {
    "better": (rows([0.1] * 5, (0.1, 0.05, 0.15, 0.004)), "ranks better", "excludes zero (p = 0.004)."),
    "worse": (rows([-0.1] * 5, (-0.1, -0.15, -0.05, 0.0001)), "ranks worse", "(p < 0.001)."),
    "unclear": (
        rows([0.1, -0.02], (0.04, -0.7, 0.8, 0.6)),
        "no clear difference",
        "does not show a difference",
    ),
    "two seeds": (
        rows([0.1, 0.11], (0.105, 0.04, 0.17, 0.03)),
        "a direction, from 2 seeds",
        "2 seeds show a direction at best",
    ),
    "another pool might turn it": (
        rows([0.1] * 5, (0.1, 0.05, 0.15, 0.004)).assign(gain_pool_low=-0.02, gain_pool_high=0.2),
        "no clear difference",
        "excludes zero",
    ),
    "one seed": (rows([0.3]), "one seed only", "one seed can't tell whether the regulariser helps"),
    "all the same": (rows([0.1, 0.1], (0.1, NAN, NAN, NAN)), "no interval", "gain the same"),
    "undefined": (rows([NAN]), "undefined", "not defined"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_finding_says_no_more_than_its_interval(case: str) -> None:
    table, verdict, sentence = CASES[case]
    found = words.finding(table, "loss")
    assert found.verdict == verdict
    assert sentence in found.text
    assert "nan" not in (found.text + str(found.tiles)).lower()


def test_five_seeds_are_not_called_few() -> None:
    assert "direction at best" not in words.finding(CASES["better"][0], "loss").text


def test_numbers_have_a_real_minus_and_a_dash_where_there_is_none() -> None:
    assert words.number(-0.12345) == "−0.123"
    assert words.number(0.5, signed=True) == "+0.500"
    assert words.number(1234567, 0) == "1,234,567"
    assert words.number(NAN) == words.number(None) == "–"
    assert words.interval(0.1, NAN) == ""


def test_a_baseline_that_is_better_is_named() -> None:
    table = pd.DataFrame(
        {
            "baseline": ["params", "macs", "ridge", "ridge_score"],
            "run": [None, None, None, "spos-none-s0"],
            "value": [0.5, 0.2, 0.3, 0.9],
            "low": 0.1,
            "high": 0.9,
        }
    )
    assert words.against_baselines(table, 0.4).endswith("at 0.400, is not above the number of parameters.")
    assert words.against_baselines(table, 0.6).endswith("is above all of these.")
    assert words.against_baselines(table, NAN) == ""


def test_statistics_that_are_not_known_are_shown_by_their_name() -> None:
    assert words.statistic("precision_at_7").heading == "precision at\u00a07"
    assert words.statistic("some_new_one").heading == "some new one"


def test_an_interval_over_seeds_does_not_hide_that_the_pool_is_small() -> None:
    mean = (0.1, 0.05, 0.15, 0.004)
    small, large = rows([0.09] * 5, mean), rows([0.2] * 5, mean)  # each seed's interval: gain ± 0.1
    for sentence in (words.finding(small, "loss").text, words.over_ridge(small)):
        assert "includes zero for 5 of 5 seeds: a larger pool is needed" in sentence
    for sentence in (words.finding(large, "loss").text, words.over_ridge(large)):
        assert "larger pool" not in sentence
