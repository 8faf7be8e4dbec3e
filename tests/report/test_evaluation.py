from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from lmreg.rank.ceiling import Ceiling
from lmreg.rank.correlation import Draws
from lmreg.rank.intervals import Estimate
from lmreg.rank.pool import Ranking
from lmreg.rank.statistics import Truths
from lmreg.report.evaluation import Ranked, _ceiling, _gains, _warnings


def test_gains_without_an_interval_are_shown_without_one() -> None:
    """Two seeds whose gains are equal: their spread is unknown, not zero, and "nan" tells nobody anything."""
    row = {
        "comparison": "spos",
        "against": "ridge",
        "p_holm": np.nan,
        "score": "loss",
        "tau_without": 0.3,
        "tau_with": 0.4,
    }
    both = {"seed": ["0", "1", "mean"], "seeds": [1, 1, 2], "gain": 0.1, "p_value": np.nan}
    interval = {"gain_low": [-0.2, -0.1, np.nan], "gain_high": [0.4, 0.3, np.nan]}
    out = io.StringIO()
    console = Console(width=120, file=out)
    console.print(_gains(pd.DataFrame({**both, **interval, **{k: [v] * 3 for k, v in row.items()}}), 0.95))
    lines = [line for line in out.getvalue().splitlines() if "+0.100" in line]
    assert ["[" in line for line in lines] == [True, True, False]
    assert "+0.100 [-0.20, +0.40]" in lines[0]
    assert "nan" not in "".join(lines)


@pytest.mark.filterwarnings("error")
def test_a_pool_whose_truths_are_all_alike_is_told() -> None:
    scores = np.arange(8.0)
    for truth, told in ((np.ones(8), "no τ is defined"), (scores, "the pool is small, n = 8")):
        truths = Truths(truth, Draws(8, 50, 0), 100.0, 0.95)
        found = _warnings([Ranked(Ranking(scores), truths.estimates(scores, [5]))], pd.DataFrame(), truths)
        assert len(found) == 1
        assert told in found[0]
        assert "nan" not in found[0]


def test_the_ceiling_in_words() -> None:
    def tau(value: float) -> Estimate:
        return Estimate(value, value - 0.1, value + 0.1, 40)

    told = _ceiling(Ceiling(tau(0.9), tau(0.8), 2.0, from_errors=False))
    assert told == (
        "Ceiling: the truth is a mean of 2 trainings each; two seeds agree at τ 0.800, "
        "so a perfect ranking would reach about 0.900."
    )
    assert "drawn from means and standard errors" in _ceiling(Ceiling(tau(0.9), tau(0.8), 2, True))
    assert "reliability is not known" in _ceiling(None)
