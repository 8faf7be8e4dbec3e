"""Scatter plots of truth against super-net score, as SVG for the page and as PNG files."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lmreg.landmarks.truth import LandmarkSet
from lmreg.report.chart import Cloud, Frame, cloud, span
from lmreg.task.base import Score
from lmreg.util.files import write_atomically

_SIZE = (290, 230)  # of a plot, px
_TITLE = 48  # height of the lines of text above the plots of a PNG file, px
_PER_INCH = 72  # px; text of 10 points is then 10 px high, as it is on the page


@dataclass(frozen=True)
class ScatterPlot:
    """One run's truth ``x`` against its super-net score ``y``; ``colour`` is an index of the page's."""

    frame: Frame
    x: np.ndarray
    y: np.ndarray
    title: str
    note: str
    colour: int

    @functools.cached_property
    def cloud(self) -> Cloud:
        """The points as SVG paths."""
        return cloud(self.frame, self.x, self.y)


def scatter_plots(
    rankings: Sequence[tuple[pd.DataFrame, str, str, int]], pool: LandmarkSet, score: Score
) -> list[ScatterPlot]:
    """Return a plot for each of ``rankings``, (table of `lmreg.rank.pool.ranking_table`, title, note,
    colour), all with the same axes; up is better."""
    truth = f"truth_{pool.column}"
    x_label, y_label = f"stand-alone {in_words(pool.column)}", f"super-net {in_words(score.column)}"
    x_label += ", lower is better" if pool.better_sign < 0 else ""
    y_label += "" if score.higher_is_better else ", inverted"
    x_range, y_range = (_shared_range([table[c] for table, *_ in rankings]) for c in (truth, score.column))
    frame = Frame.of(_SIZE, (x_label, x_range), (y_label, y_range), not score.higher_is_better)
    plots = []
    for table, title, note, colour in rankings:
        x, y = (table[column].to_numpy(float) for column in (truth, score.column))
        plots.append(ScatterPlot(frame, x, y, title, note, colour))
    return plots


def write_png(path: Path, title: str, plots: Sequence[ScatterPlot]) -> None:
    """Draw the plots side by side, with their notes above them, into a PNG file."""
    width, height = sum(plot.frame.width for plot in plots), plots[0].frame.height + _TITLE
    # A plain Figure: pyplot would take the caller's backend and keep the figure alive.
    figure = Figure(figsize=(width / _PER_INCH, height / _PER_INCH), dpi=150)
    left = 0
    for plot in plots:
        x, y, ends = plot.frame.x, plot.frame.y, sorted((plot.frame.y.start, plot.frame.y.end))
        corner = ((left + x.start) / width, (plot.frame.height - ends[1]) / height)
        axes = figure.add_axes((*corner, (x.end - x.start) / width, (ends[1] - ends[0]) / height))
        axes.set(xlim=(x.low, x.high), ylim=(y.low, y.high) if y.start > y.end else (y.high, y.low))
        inside, outside = plot.frame.split(plot.x, plot.y)
        axes.scatter(plot.x[inside], plot.y[inside], s=22, alpha=0.55, color="#0072b2", linewidths=0)
        at_edge = (plot.x[outside].clip(x.low, x.high), plot.y[outside].clip(y.low, y.high))
        axes.scatter(*at_edge, s=28, marker="x", color="#d55e00", linewidths=1.2, clip_on=False)
        axes.tick_params(labelsize=8)
        axes.locator_params(nbins=x.most_ticks)
        axes.set_xlabel(x.label, fontsize=9)
        axes.set_ylabel(y.label, fontsize=9)
        off_scale = f"\n{outside.sum()} off the scale (×)" if outside.any() else ""
        axes.set_title(f"{plot.note}{off_scale}", fontsize=8)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        left += plot.frame.width
    figure.suptitle(title, fontsize=10, y=1 - 4 / height, va="top")
    write_atomically(path, lambda file: figure.savefig(file, format="png"))


def _shared_range(columns: list[pd.Series]) -> tuple[float, float]:
    """Return one range for all columns, without values further than four interquartile ranges from a
    quartile: a single architecture that hardly trains must not squeeze the others together."""
    edges = []
    for values in columns:
        low, high = values.astype(float).quantile([0.25, 0.75])
        reach = 4 * (high - low)
        edges += [max(values.min(), low - reach), min(values.max(), high + reach)]
    return span(edges)


def in_words(column: str) -> str:
    """A column's name with its unit as people write it: ``accuracy_percent`` becomes ``accuracy (%)``."""
    for ending, unit in (("_percent", "%"), ("_nats", "nats")):
        if column.endswith(ending):
            return f"{column.removesuffix(ending).replace('_', ' ')} ({unit})"
    return column.replace("_", " ")
