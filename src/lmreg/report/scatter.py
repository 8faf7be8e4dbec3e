"""Scatter plots of truth against super-net score."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from lmreg.util.files import write_atomically


@dataclass(frozen=True)
class Panel:
    """One score of a super-net: its column, whether lower is better, and a line to tell about it."""

    column: str
    falls: bool
    note: str


def scatter(path: Path, title: str, table: pd.DataFrame, truth: str, panels: list[Panel]) -> None:
    """Draw column ``truth`` (x) of ``table`` against each panel's (y); up is always better."""
    width = 4.6 * len(panels)
    figure = Figure(figsize=(width, 4.4))  # not pyplot's: that is the caller's, with its backend
    grid = figure.subplots(1, len(panels), squeeze=False)
    # Margins in inches. A layout that matplotlib finds itself takes a second drawing, twice the time.
    figure.subplots_adjust(0.75 / width, 0.55 / 4.4, 1 - 0.15 / width, 1 - 0.75 / 4.4, wspace=0.25)
    for axes, panel in zip(grid[0], panels, strict=True):
        x, y = table[truth], table[panel.column]
        (left, right), (low, high) = limits(x), limits(y)
        outside = (x < left) | (x > right) | (y < low) | (y > high)
        style = {"s": 18, "alpha": 0.6, "color": "#1f5fa8", "linewidths": 0}
        axes.scatter(x[~outside], y[~outside], **style)
        if outside.any():
            at_edge = (x[outside].clip(left, right), y[outside].clip(low, high))
            axes.scatter(*at_edge, marker="x", color="#b03030", s=30, label=f"{outside.sum()} off the scale")
            axes.legend(loc="best", fontsize=8, frameon=False)
        axes.set_xlabel(f"stand-alone: {in_words(truth.removeprefix('truth_'))}")
        axes.set_ylabel(f"super-net: {in_words(panel.column)}" + (", axis inverted" if panel.falls else ""))
        if panel.falls:
            axes.invert_yaxis()
        axes.set_title(panel.note, fontsize=10)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=11)
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=130))


def limits(values: pd.Series) -> tuple[float, float]:
    """The range to show: a dead architecture far from all others must not squeeze them together."""
    low, high = values.quantile([0.25, 0.75])
    reach = 4 * (high - low)
    return max(values.min(), low - reach), min(values.max(), high + reach)


def in_words(column: str) -> str:
    """A column name with its unit as people write it: ``accuracy_percent`` is accuracy (%)."""
    for ending, unit in (("_percent", "%"), ("_nats", "nats")):
        if column.endswith(ending):
            return f"{column.removesuffix(ending).replace('_', ' ')} ({unit})"
    return column.replace("_", " ")
