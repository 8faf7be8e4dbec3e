from __future__ import annotations

import io

import numpy as np
import pandas as pd
from rich.console import Console

from lmreg.report.evaluation import _gains


def test_gains_without_an_interval_are_shown_without_one() -> None:
    """Two seeds whose gains are equal: their spread is unknown, not zero, and "nan" tells nobody anything."""
    row = {"comparison": "spos", "against": "ridge", "score": "loss", "tau_without": 0.3, "tau_with": 0.4}
    both = {"seed": ["0", "1", "mean"], "seeds": [1, 1, 2], "gain": 0.1, "p_value": np.nan}
    interval = {"gain_low": [-0.2, -0.1, np.nan], "gain_high": [0.4, 0.3, np.nan]}
    out = io.StringIO()
    console = Console(width=120, file=out)
    console.print(_gains(pd.DataFrame({**both, **interval, **{k: [v] * 3 for k, v in row.items()}}), 0.95))
    lines = [line for line in out.getvalue().splitlines() if "+0.100" in line]
    assert ["[" in line for line in lines] == [True, True, False]
    assert "+0.100 [-0.20, +0.40]" in lines[0]
    assert "nan" not in "".join(lines)
