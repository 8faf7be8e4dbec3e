from __future__ import annotations

import math

import pandas as pd
import pytest

from lmreg.report import words

NAN = math.nan


def rows(gains: list[float], mean: tuple[float, float, float, float] | None = None) -> pd.DataFrame:
    """Rows as in paired.csv; ``mean`` is (gain, low, high, p)."""

    def row(seed: str, gain: float, low: float, high: float, p: float) -> dict[str, object]:
        taus = {"tau_without": 0.3, "tau_with": 0.3 + gain}
        interval = {"gain": gain, "gain_low": low, "gain_high": high, "p_value": p, "p_holm": p}
        interval |= {"gain_pool_low": gain - 0.1, "gain_pool_high": gain + 0.1}
        shared = {"comparison": "spos landmark", "score": "loss", "n": 40, "confidence": 0.95}
        shared |= {"seeds": len(gains) if seed == "mean" else 1, "against": "none", "left_out": ""}
        return {**shared, "seed": seed, **taus, **interval}

    table = [row(str(i), g, g - 0.1, g + 0.1, NAN) for i, g in enumerate(gains)]
    return pd.DataFrame([*table, row("mean", *mean)] if mean else table)


CASES = {
    "better": (rows([0.2] * 5, (0.2, 0.05, 0.35, 0.004)), "ranks better", "excludes zero (p = 0.004)."),
    "worse": (rows([-0.2] * 5, (-0.2, -0.35, -0.05, 0.0001)), "ranks worse", "(p < 0.001)."),
    "unclear": (
        rows([0.1, -0.02, 0.04], (0.04, -0.7, 0.8, 0.6)),
        "no clear difference",
        "does not show a difference",
    ),
    "one test of several": (
        rows([0.2] * 5, (0.2, 0.01, 0.39, 0.04)).assign(p_holm=0.12),
        "no clear difference",
        "= 0.12 corrected for the number of tests). After correction for the number of tests this does not",
    ),
    "two seeds": (
        rows([0.2, 0.21], (0.205, NAN, NAN, NAN)),
        "a direction, from 2 seeds",
        "only two values: +0.200 and +0.210. 2 seeds show a direction at best",
    ),
    "two seeds that disagree": (
        rows([0.5, -0.02], (0.24, NAN, NAN, NAN)),
        "no clear difference",
        "only two values: +0.500 and −0.020.",
    ),
    "another pool might reverse it": (
        rows([0.1] * 5, (0.1, 0.05, 0.15, 0.004)),
        "no clear difference",
        "excludes zero",
    ),
    "one seed": (rows([0.3]), "one seed only", "one seed can't tell whether the regulariser helps"),
    "all equal": (rows([0.1, 0.1, 0.1], (0.1, NAN, NAN, NAN)), "no interval", "have the same gain"),
    "one of two undefined": (rows([NAN, 0.3]), "one seed only", "τ-b by loss is 0.300 without"),
    "undefined": (rows([NAN]), "undefined", "undefined"),
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


def test_numbers_have_a_real_minus_and_missing_ones_are_a_dash() -> None:
    assert words.number(-0.12345) == "−0.123"
    assert words.number(0.5, signed=True) == "+0.500"
    assert words.number(1234567, 0) == "1,234,567"
    assert words.number(NAN) == words.number(None) == "–"
    assert words.interval(0.1, NAN) == ""


def over_cheap(gains: list[float], mean: tuple[float, float, float, float] | None = None) -> str:
    table = rows(gains, mean).assign(comparison="spos none over params", against="params", rivals=4)
    return words.worth_training(table, "loss")


def test_a_super_net_is_worth_its_training_or_not() -> None:
    above = over_cheap([0.2] * 3, (0.2, 0.1, 0.3, 0.001))
    assert above.startswith(
        "spos none: τ by loss, 0.500, is significantly above parameters at 0.300 (best of 4"
    )
    assert "chosen on this pool, which favours it" in above
    assert "over 3 seeds (p = 0.001)" in above
    assert "The super-net is worth its training." in above
    below = over_cheap([-0.2] * 3, (-0.2, -0.3, -0.1, 0.001))
    assert "is significantly below parameters" in below
    assert "The super-net is not worth its training." in below
    for unclear in (
        over_cheap([0.2] * 3, (0.2, -0.1, 0.3, 0.2)),
        over_cheap([0.05]),  # the interval over pools: ± 0.1
        over_cheap([0.05] * 2, (0.05, NAN, NAN, NAN)),
    ):
        assert "is not measurably different from parameters" in unclear
        assert "The super-net has not been shown to be worth its training." in unclear
    assert "over architectures, with 2 seeds." in over_cheap([0.2] * 2, (0.2, NAN, NAN, NAN))
    assert "there is no interval" in over_cheap([NAN])


def test_unknown_statistics_are_shown_by_their_name() -> None:
    assert words.statistic("precision_at_7").heading == "precision at\u00a07"
    assert words.statistic("some_new_one").heading == "some new one"


def test_an_interval_over_seeds_does_not_hide_that_the_pool_is_small() -> None:
    mean = (0.1, 0.05, 0.15, 0.004)
    small, large = rows([0.09] * 5, mean), rows([0.2] * 5, mean)  # each seed's interval: gain ± 0.1
    for sentence in (words.finding(small, "loss").text, over_cheap([0.09] * 5, mean)):
        assert "includes zero for 5 of 5 seeds: a larger pool is needed" in sentence
    for sentence in (words.finding(large, "loss").text, over_cheap([0.2] * 5, mean)):
        assert "larger pool" not in sentence
