"""What the page's figures show, as values for its template."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd

from lmreg.rank.compare import BASELINE
from lmreg.report import words
from lmreg.report.cell import Drawing, draw
from lmreg.report.chart import Axis, Cloud, Frame, Whisker, cloud, polyline, span, whisker, whisker_axis
from lmreg.report.scatter import in_words, limits
from lmreg.report.sources import Run, Sources
from lmreg.report.tables import Best, ceiling, taus_of_baselines


class Scored(Protocol):
    """A super-net score: its name, column, and whether lower is better."""

    @property
    def name(self) -> str: ...
    @property
    def column(self) -> str: ...
    @property
    def falls(self) -> bool: ...


class Colours:
    """A colour per group of runs; runs without a regulariser are dashed besides."""

    def __init__(self, sources: Sources):
        plain = {run.group for run in sources.runs if not run.regularised}
        self._index = {group: i % 8 for i, group in enumerate(sources.groups)}
        self.legend = [(group, self._index[group], group in plain) for group in sources.groups]

    def of(self, group: str) -> int:
        return self._index.get(group, 0)


@dataclass(frozen=True)
class Row:
    """A row of a table with a dot and its interval: texts, then the drawing; ``beside``: a second dot."""

    label: str
    texts: list[str]
    whisker: Whisker
    colour: int | None
    strong: bool = False
    beside: float | None = None


@dataclass(frozen=True)
class Rows:
    axis: Axis
    rows: list[Row]
    ceiling: float | None = None

    @property
    def zero(self) -> float | None:
        return float(self.axis.at(0.0)) if self.axis.holds(0.0) else None


def gains(sources: Sources, score: str, colours: Colours) -> Rows | None:
    """Paired gains by seed and their mean, by one score."""
    if sources.paired is None:
        return None
    table = sources.paired[sources.paired["score"] == score]
    if table.empty:
        return None
    each = table[table["seed"].astype(str) != "mean"]
    # Student's interval from two seeds can be wider than tau itself: it must not squeeze the others.
    axis = whisker_axis([*each["gain_low"], *each["gain_high"], *table["gain"]], zero=True)
    rows = []
    for row in table.sort_values(["against", "comparison"], kind="stable").to_dict("records"):
        mean, against_none = str(row["seed"]) == "mean", row["against"] == BASELINE
        figure = words.number(row["gain"], signed=True)
        texts = [
            f"mean of {row['seeds']}" if mean else str(row["seed"]),
            words.number(row["tau_without"]),
            words.number(row["tau_with"]),
            f"{figure} {words.interval(row['gain_low'], row['gain_high'], signed=True)}".strip(),
            words.p_value(row["p_holm"]),
        ]
        drawn = whisker(axis, row["gain"], row["gain_low"], row["gain_high"])
        colour = colours.of(str(row["comparison"])) if against_none else None
        rows.append(Row(str(row["comparison"]), texts, drawn, colour, mean))
    return Rows(axis, rows)


def taus(sources: Sources, score: str, colours: Colours) -> Rows:
    """Kendall's tau of every run by one score, ridge regression with that score beside it, then the
    baselines that need no super-net."""
    metrics = sources.metrics
    mine = metrics[(metrics["score"] == score) & (metrics["statistic"] == "kendall_tau")]
    others = mine.iloc[:0] if sources.baselines is None else taus_of_baselines(sources.baselines, score)
    both = pd.concat([table for table in (mine, others) if len(table)])
    axis = whisker_axis([v for c in ("value", "low", "high") for v in both[c]], zero=True)
    highest = ceiling(sources)
    at_ceiling = None if highest is None else whisker(axis, highest["value"], math.nan, math.nan).at
    with_score = others[others["baseline"] == "ridge_score"] if len(others) else others
    by_run, ridge = ({str(r["run"]): r for r in records(t)} for t in (mine, with_score))
    rows = []
    for run in sources.runs:
        if run.name in by_run:
            tau, colour = by_run[run.name], colours.of(run.group)
            rows.append(_tau_row(run.label, tau, axis, colour, run.regularised, ridge.get(run.name)))
    alone = [row for row in records(others) if str(row["run"]) not in by_run]
    return Rows(
        axis,
        rows + [_tau_row(words.baseline(row["baseline"]), row, axis, None) for row in alone],
        at_ceiling,
    )


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


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


@dataclass(frozen=True)
class Panel:
    """A scatter plot of one run's ranking."""

    frame: Frame
    cloud: Cloud
    title: str
    note: str
    colour: int


def scatter(sources: Sources, score: Scored, colours: Colours) -> list[list[Panel]]:
    """Truth against super-net score: per pair of runs the two side by side, then runs without partner."""
    paired = {run.name for pair in sources.pairs for run in pair}
    pairs: list[tuple[Run, ...]] = [*sources.pairs]
    pairs += [(run,) for run in sources.runs if run.name not in paired]
    shown = [[run for run in pair if run.ranking is not None] for pair in pairs]
    return [_panels(sources, runs, score, colours) for runs in shown if runs]


def _panels(sources: Sources, runs: list[Run], score: Scored, colours: Colours) -> list[Panel]:
    truth = f"truth_{sources.truth.pool.column}"
    tables = [run.ranking for run in runs if run.ranking is not None]
    x_range, y_range = (_together([table[column] for table in tables]) for column in (truth, score.column))
    x_label = f"stand-alone {in_words(sources.truth.pool.column)}"
    y_label = f"super-net {in_words(score.column)}"
    if sources.truth.pool.better_sign < 0:
        x_label += ", lower is better"
    if score.falls:
        y_label += ", inverted"
    frame = Frame.of((290, 230), (x_label, x_range), (y_label, y_range), score.falls)
    panels = []
    for run, table in zip(runs, tables, strict=True):
        points = cloud(frame, table[truth].to_numpy(float), table[score.column].to_numpy(float))
        panels.append(Panel(frame, points, run.label, _tau_note(sources, run, score), colours.of(run.group)))
    return panels


def _together(columns: list[pd.Series]) -> tuple[float, float]:
    """One range for all columns."""
    return span([edge for column in columns for edge in limits(column.astype(float))])


def _tau_note(sources: Sources, run: Run, score: Scored) -> str:
    m = sources.metrics
    mine = m[(m["run"] == run.name) & (m["score"] == score.name) & (m["statistic"] == "kendall_tau")]
    if mine.empty:
        return ""
    return f"τ-b {words.figure(mine.iloc[0].to_dict())}"


@dataclass(frozen=True)
class Line:
    path: str
    title: str
    colour: int
    dashed: bool


@dataclass(frozen=True)
class Chart:
    """Lines over the epochs of training; ``file`` is the table behind it."""

    title: str
    note: str
    frame: Frame
    file: str
    lines: list[Line] = field(default_factory=list)


def over_training(sources: Sources, score: str, colours: Colours) -> list[Chart]:
    """Tau on pool and landmarks, violated pairs, the regulariser's weight, and the training loss."""
    charts = [
        _chart(sources, colours, "tracking", "kendall_tau", title, label, {"set": role, "score": score})
        for role, title, label in (
            ("pool", "τ-b on the held-out pool", "Kendall τ-b"),
            ("landmarks", "τ-b on the landmarks", "Kendall τ-b"),
        )
    ]
    loss = sources.study.task.train_column
    charts += [
        _chart(sources, colours, "training", column, title, label, {}, least)
        for column, title, label, least in (
            ("violated_share", "Violated pairs of landmarks", "share of drawn pairs (%)", 1.0),
            ("reg_weight", "Weight λ of the regulariser", "λ", 0.1),
            (
                loss,
                "Training loss without the regulariser's term",
                in_words(loss.removeprefix("train_")),
                0.1,
            ),
        )
    ]
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


@dataclass(frozen=True)
class Cell:
    """An architecture drawn, with the runs that found it."""

    text: str
    drawings: list[Drawing]
    best: list[Best]


def cells(sources: Sources, best: list[Best]) -> list[Cell]:
    """The best architectures, each once."""
    by_text: dict[str, list[Best]] = {}
    for item in best:
        by_text.setdefault(item.text, []).append(item)
    return [
        Cell(text, [draw(graph) for graph in sources.study.space.graphs(items[0].arch)], items)
        for text, items in by_text.items()
    ]


def operations(sources: Sources) -> dict[str, int]:
    """A colour for every operation of the space, the same in all cells."""
    return {"": 1} | {name: i % 8 for i, name in enumerate(sources.study.space.edge_labels)}
