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
from lmreg.rank.statistics import ResampledTruth
from lmreg.report.terminal import RankingStatistics, _ceiling_sentence, _gains, _warnings


def test_gains_without_an_interval_are_shown_without_one() -> None:
    """The spread of two equal gains is unknown rather than zero, and no cell says "nan"."""
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
def test_a_pool_whose_truths_are_all_equal_is_reported() -> None:
    scores = np.arange(8.0)
    for truth, warning in ((np.ones(8), "no τ is defined"), (scores, "the pool is small, n = 8")):
        truths = ResampledTruth(truth, Draws(8, 50, 0), 100.0, 0.95)
        found = _warnings(
            [RankingStatistics(Ranking(scores), truths.estimates(scores, [5]))], pd.DataFrame(), truths
        )
        assert len(found) == 1
        assert warning in found[0]
        assert "nan" not in found[0]


def test_the_ceiling_in_words() -> None:
    def tau(value: float) -> Estimate:
        return Estimate(value, value - 0.1, value + 0.1, 40)

    sentence = _ceiling_sentence(Ceiling(tau(0.9), tau(0.8), 2.0, from_errors=False))
    assert sentence == (
        "Ceiling: the truth is a mean of 2 trainings each; two seeds agree at τ 0.800, "
        "so a perfect ranking would reach about 0.900."
    )
    assert "simulated from means and standard errors" in _ceiling_sentence(
        Ceiling(tau(0.9), tau(0.8), 2, True)
    )
    assert "ceiling of τ is unknown" in _ceiling_sentence(None)
