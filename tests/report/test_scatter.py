from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from lmreg.landmarks.truth import LandmarkSet
from lmreg.report.scatter import ScatterPlot, scatter_plots, write_png
from lmreg.task.base import Score

POOL = LandmarkSet((), np.zeros(0), np.zeros(0), "accuracy_percent", 1)


def plots(rng: np.random.Generator) -> list[ScatterPlot]:
    """Two rankings; one loss of the second is far above all others, and one is not a number."""
    tables = [pd.DataFrame({"truth_accuracy_percent": rng.normal(size=30)}) for _ in range(2)]
    for table in tables:
        table["loss_nats"] = rng.normal(size=30)
    tables[1].loc[:1, "loss_nats"] = [1000, np.nan]
    rankings = [(table, f"run {i}", "τ 0.1", i) for i, table in enumerate(tables)]
    return scatter_plots(rankings, POOL, Score("loss_nats", higher_is_better=False))


def test_plots_share_axes_that_an_outlier_does_not_stretch(rng: np.random.Generator) -> None:
    first, second = plots(rng)
    assert first.frame == second.frame
    assert first.frame.x.label == "stand-alone accuracy (%)"
    assert first.frame.y.label == "super-net loss (nats), inverted"
    assert -20 < first.frame.y.low < first.frame.y.high < 20
    assert first.frame.y.start < first.frame.y.end  # a pixel further down is a higher loss
    assert (first.cloud.outside, second.cloud.outside) == (0, 1)
    assert sum(path.count("M") for path in second.cloud.dots) == 28


def test_a_png_file_has_all_plots_side_by_side(rng: np.random.Generator, tmp_path: Path) -> None:
    sizes = []
    for count in (1, 2):
        write_png(tmp_path / "plot.png", "spos none s0", plots(rng)[:count])
        with Image.open(tmp_path / "plot.png") as picture:
            sizes.append(picture.size)
    assert sizes[1][0] == 2 * sizes[0][0]
    assert sizes[1][1] == sizes[0][1]
