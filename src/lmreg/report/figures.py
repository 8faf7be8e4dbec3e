"""The page's figures, as values for its template."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lmreg.rank.baselines import RIDGE_SCORE
from lmreg.rank.finished_run import NO_REGULARISER
from lmreg.report import words
from lmreg.report.chart import Axis, Frame, Whisker, polyline, span, whisker, whisker_axis
from lmreg.report.graph_layout import GraphLayout, lay_out
from lmreg.report.scatter import ScatterPlot, in_words, scatter_plots
from lmreg.report.sources import ReportedRun, Sources
from lmreg.report.tables import BestArchitecture, ceiling_row, taus_of_baselines


class Colours:
    """A colour for each group of runs; lines of groups without a regulariser are dashed. ``legend`` has
    (group, colour, whether dashed)."""

    def __init__(self, sources: Sources):
        plain = {run.group for run in sources.runs if not run.regularised}
        self._index = {group: i % 8 for i, group in enumerate(sources.groups)}
        self.legend = [(group, self._index[group], group in plain) for group in sources.groups]

    def of(self, group: str) -> int:
        return self._index.get(group, 0)


@dataclass(frozen=True)
class Row:
    """A table row: texts, then a dot with its interval, and perhaps a second dot, ``beside``."""

    label: str
    texts: list[str]
    whisker: Whisker
    colour: int | None
    strong: bool = False
    beside: float | None = None


@dataclass(frozen=True)
class PlottedRows:
    """Rows that share an axis; ``ceiling`` is the position of a vertical line, in percent."""

    axis: Axis
    rows: list[Row]
    ceiling: float | None = None

    @property
    def zero(self) -> float | None:
        return float(self.axis.at(0.0)) if self.axis.holds(0.0) else None


def gains(sources: Sources, score: str, colours: Colours) -> PlottedRows | None:
    """Return the paired gains by one score, per seed and on average; None if there are none."""
    if sources.paired is None:
        return None
    table = sources.paired[sources.paired["score"] == score]
    if table.empty:
        return None
    each = table[table["seed"].astype(str) != "mean"]
    # With few seeds the intervals of means can be so wide that they would squeeze the others.
    axis = whisker_axis([*each["gain_low"], *each["gain_high"], *table["gain"]], zero=True)
    rows = []
    for row in table.sort_values(["against", "comparison"], kind="stable").to_dict("records"):
        mean, against_none = str(row["seed"]) == "mean", row["against"] == NO_REGULARISER
        texts = [
            f"mean of {row['seeds']}" if mean else str(row["seed"]),
            words.number(row["tau_without"]),
            words.number(row["tau_with"]),
            words.with_interval(row["gain"], row["gain_low"], row["gain_high"], signed=True),
            words.p_value(row["p_holm"]),
        ]
        drawn = whisker(axis, row["gain"], row["gain_low"], row["gain_high"])
        colour = colours.of(str(row["comparison"])) if against_none else None
        rows.append(Row(str(row["comparison"]), texts, drawn, colour, mean))
    return PlottedRows(axis, rows)


def taus(sources: Sources, score: str, colours: Colours) -> PlottedRows:
    """Return Kendall's tau of every run by one score, with the ridge regression that uses that score beside
    it, then the baselines that need no super-net."""
    metrics = sources.metrics
    mine = metrics[(metrics["score"] == score) & (metrics["statistic"] == "kendall_tau")]
    others = mine.iloc[:0] if sources.baselines is None else taus_of_baselines(sources.baselines, score)
    both = pd.concat([table for table in (mine, others) if len(table)])
    axis = whisker_axis([v for c in ("value", "low", "high") for v in both[c]], zero=True)
    highest = ceiling_row(sources)
    at_ceiling = None if highest is None else whisker(axis, highest["value"], math.nan, math.nan).at
    with_score = others[others["baseline"] == RIDGE_SCORE] if len(others) else others
    by_run, ridge = ({str(r["run"]): r for r in words.records(t)} for t in (mine, with_score))
    rows = []
    for run in sources.runs:
        if run.name in by_run:
            tau, colour = by_run[run.name], colours.of(run.group)
            rows.append(_tau_row(run.label, tau, axis, colour, run.regularised, ridge.get(run.name)))
    alone = [row for row in words.records(others) if str(row["run"]) not in by_run]
    rows += [_tau_row(words.baseline_of(row), row, axis, None) for row in alone]
    return PlottedRows(axis, rows, at_ceiling)


def _tau_row(
    label: str,
    row: dict[str, Any],
    axis: Axis,
    colour: int | None,
    strong: bool = False,
    beside: dict[str, Any] | None = None,
) -> Row:
    drawn = whisker(axis, row["value"], row["low"], row["high"])
    texts = [words.figure(row), words.figure(beside) if beside else ""]
    at = whisker(axis, beside["value"], math.nan, math.nan).at if beside else None
    return Row(label, texts, drawn, colour, strong, at)


def scatter_groups(sources: Sources, score: str, colours: Colours) -> list[list[ScatterPlot]]:
    """Return plots of truth against super-net score: each pair of runs together, then the other runs."""
    paired = {run.name for pair in sources.pairs for run in pair}
    groups: list[tuple[ReportedRun, ...]] = [*sources.pairs]
    groups += [(run,) for run in sources.runs if run.name not in paired]
    notes = {run.name: _tau_note(sources, run, score) for run in sources.runs}
    shown = [
        [(r.ranking, r.label, notes[r.name], colours.of(r.group)) for r in group if r.ranking is not None]
        for group in groups
    ]
    pool, of_task = sources.truth.pool, sources.study.task.scores[score]
    return [scatter_plots(rankings, pool, of_task) for rankings in shown if rankings]


def _tau_note(sources: Sources, run: ReportedRun, score: str) -> str:
    m = sources.metrics
    mine = m[(m["run"] == run.name) & (m["score"] == score) & (m["statistic"] == "kendall_tau")]
    return "" if mine.empty else f"τ-b {words.figure(words.records(mine)[0])}"


@dataclass(frozen=True)
class Line:
    """One run's line, as an SVG path."""

    path: str
    title: str
    colour: int
    dashed: bool


@dataclass(frozen=True)
class Chart:
    """Lines over the epochs of training; ``file`` is the CSV file with their values."""

    title: str
    note: str
    frame: Frame
    file: str
    lines: list[Line] = field(default_factory=list)


def over_training(sources: Sources, score: str, colours: Colours) -> list[Chart]:
    """Return the charts of tau, violated pairs, regulariser's weight and loss over training."""
    loss, tau = sources.study.task.train_column, "Kendall τ-b"
    loss_in_words = in_words(loss.removeprefix("train_"))
    pool, landmarks = ({"set": role, "score": score} for role in ("pool", "landmarks"))
    charts = [
        _chart(sources, colours, "tracking", "kendall_tau", "τ-b on the held-out pool", tau, pool),
        _chart(sources, colours, "tracking", "kendall_tau", "τ-b on the landmarks", tau, landmarks),
    ]
    for column, title, label, least in (
        ("violated_share", "Violated pairs of landmarks", "share of drawn pairs (%)", 1.0),
        ("reg_weight", "Weight λ of the regulariser", "λ", 0.1),
        (loss, "Training loss without the regulariser's term", loss_in_words, 0.1),
    ):
        charts.append(_chart(sources, colours, "training", column, title, label, {}, least))
    return [chart for chart in charts if chart is not None]


def _chart(
    sources: Sources,
    colours: Colours,
    part: str,
    column: str,
    title: str,
    label: str,
    where: dict[str, str],
    least: float = 0.1,
) -> Chart | None:
    factor = 100 if "(%)" in label else 1
    series = []
    for run in sources.runs:
        table = getattr(run, part)
        if table is None or column not in table:
            continue
        for key, value in where.items():
            table = table[table[key].astype(str) == value]
        y = factor * pd.to_numeric(table[column], errors="coerce").to_numpy(float)
        if np.isfinite(y).any():
            series.append((run, table["epoch"].to_numpy(float), y, table))
    if not series:
        return None
    low, high = span([v for _, _, y, _ in series for v in y], least)
    if column in ("violated_share", "reg_weight"):
        low = 0.0
    end = max(float(x.max()) for _, x, _, _ in series)
    frame = Frame.of((370, 230), ("epoch", (0.0, max(end, 1e-9))), (label, (low, high)))
    note = ""
    if part == "tracking":
        counts = sorted({int(n) for *_, table in series for n in table["n"] if math.isfinite(n)})
        note = f"n = {', '.join(map(str, counts))}"
    most = 40 if column == "violated_share" else 160
    lines = [
        Line(polyline(frame, x, y, most), run.label, colours.of(run.group), not run.regularised)
        for run, x, y, _ in series
    ]
    return Chart(title, note, frame, f"{part}.csv", lines)


def drawn_architectures(
    sources: Sources, best: list[BestArchitecture]
) -> list[tuple[list[GraphLayout], list[BestArchitecture]]]:
    """Return the drawings of each distinct architecture among ``best``, and the findings of it."""
    by_text: dict[str, list[BestArchitecture]] = {}
    for item in best:
        by_text.setdefault(item.text, []).append(item)
    graphs = sources.study.space.graphs
    return [(list(map(lay_out, graphs(items[0].arch))), items) for items in by_text.values()]
