from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from lmreg.report.advice import advice_in_words, cheap_rankings

NAN = float("nan")


def row(
    ranking: str, tau: float, left_out: float, over: str = "", gain: float = NAN, **more: Any
) -> dict[str, Any]:
    about = {"ranking": ranking, "label": "", "landmarks": 30, "recommended": False, "left_out_tau": left_out}
    about |= {"kendall_tau": tau, "low": tau - 0.1, "high": tau + 0.1, "n": 200, "over": over, "gain": gain}
    return about | {"gain_low": gain - 0.05, "gain_high": gain + 0.05} | more


VOTE, RIDGE = row("vote", 0.7, 0.71), row("ridge", 0.4, 0.45)


@pytest.mark.parametrize("read", [False, True])
def test_it_says_what_to_rank_by_and_what_each_part_added(read: bool) -> None:
    table = pd.DataFrame([row("gp", 0.75, 0.74, "vote", 0.05, recommended=True), RIDGE, VOTE])
    if read:  # from a file, empty texts are NaN
        table = table.replace("", NAN)
    first, second = advice_in_words(table)
    assert first == (
        "Rank by: Gaussian process. Kendall's τ on the pool is 0.750 [0.650, 0.850], n = 200. It was chosen "
        "by the landmarks, each predicted without its own score: their order agrees with it at τ 0.74, with "
        "ridge 0.45 and vote of the training-free scores 0.71."
    )
    assert second == (
        "What each part added to τ: vote of the training-free scores 0.70, "
        "30 landmarks +0.050 [+0.000, +0.100]."
    )


def test_super_nets_are_a_part_where_they_are_recommended() -> None:
    net = row("gp_super_net", 0.8, 0.79, "gp", 0.05, label="spos landmark", recommended=True)
    other = row("gp_super_net", 0.76, 0.75, "gp", 0.01, label="spos none")
    lines = advice_in_words(pd.DataFrame([row("gp", 0.75, 0.74, "vote", 0.05), VOTE, other, net]))
    assert lines[0].startswith("Rank by: Gaussian process with spos landmark. ")
    assert lines[1].endswith(
        "vote of the training-free scores 0.70, 30 landmarks +0.050 [+0.000, +0.100], "
        "super-net spos landmark +0.050 [+0.000, +0.100]."
    )
    assert lines[2:] == ["The super-net of spos none adds +0.010 [−0.040, +0.060] to Gaussian process."]


def test_a_single_predictor_has_no_parts() -> None:
    (line,) = advice_in_words(pd.DataFrame([row("gp", 0.5, 0.4, recommended=True)]))
    assert line.endswith("agrees with it at τ 0.40.")


def test_the_best_cheap_rankings_come_first() -> None:
    names = ["params", "naswot", "a", "b", "c"]
    table = pd.DataFrame({"baseline": names, "value": [0.5, 0.6, 0.1, 0.2, NAN], "low": 0.1, "high": 0.9})
    assert cheap_rankings(table).startswith(
        "The best cheap rankings reach: naswot 0.600 [0.100, 0.900], parameters 0.500 [0.100, 0.900], b 0.200"
    )
