"""The figures of `lmreg evaluate` as tables in a terminal, from 80 columns on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich import box
from rich.table import Table

from lmreg.landmarks.truth import LandmarkSet
from lmreg.rank.baselines import RIDGE_SCORE
from lmreg.rank.ceiling import Ceiling
from lmreg.rank.compare import BASELINE, unpaired
from lmreg.rank.intervals import FEWEST_SEEDS, Estimate
from lmreg.rank.pool import Ranking
from lmreg.rank.statistics import Truths
from lmreg.report.scatter import in_words
from lmreg.report.words import FEW_SEEDS, NO_PAIR, baseline, earned, number, p_value, seeds_left_out
from lmreg.util.progress import console

WIDE = 130
"""Columns from which on every figure is shown with its interval."""
SMALL_POOL = 100

_HEADINGS = {
    "kendall_tau": "Kendall τ",
    "spearman": "ρ",
    "kendall_tau_top_half": "τ top ½",
    "regret": "regret",
}


@dataclass(frozen=True)
class Ranked:
    """A ranking and its statistics by name."""

    ranking: Ranking
    estimates: dict[str, Estimate]


def show(
    title: str,
    figures: list[Ranked],
    beside: list[Ranked],
    gains: pd.DataFrame,
    pool: LandmarkSet,
    truths: Truths,
    highest: Ceiling | None,
    shared: list[str],
    whole_study: bool = True,
) -> None:
    """Print everything.

    Args:
        beside: the baselines.
        whole_study: whether all its runs are there, and not one alone.
        gains: see `lmreg.rank.compare.paired`; may be empty.
        highest: what a perfect ranking could reach.
        shared: the overrides that all runs were given.
    """
    out = console()
    if shared:
        out.print(f"All runs: {' '.join(shared)}")
    out.print(_rankings(title, figures, beside, pool, truths, highest, wide=out.width >= WIDE))
    if not gains.empty:
        out.print(_gains(gains, truths.confidence))
    for line in [*_earned(figures, gains), *seeds_left_out(gains)]:
        out.print(line, highlight=False)
    if whole_study and (gains.empty or not (gains["against"] == BASELINE).any()):
        runs = {r.run.run.name: r.run.run for r in (f.ranking for f in figures) if r.run is not None}
        out.print(f"{NO_PAIR}: {unpaired(list(runs.values()))}.")
    for warning in _warnings(figures, gains, truths):
        out.print(warning)


def _rankings(
    title: str,
    figures: list[Ranked],
    beside: list[Ranked],
    pool: LandmarkSet,
    truths: Truths,
    highest: Ceiling | None,
    wide: bool,
) -> Table:
    unit = in_words(pool.column)
    of_truth = (
        {"ceiling: a perfect ranking": highest.tau, "one training seed by another": highest.agreement}
        if highest
        else {}
    )
    table = Table(
        title=f"{title}: {len(pool.archs)} held-out architectures, ranked by super-net score, "
        f"against stand-alone {unit}",
        caption=f"{_ceiling(highest)} "
        f"[low, high]: {_percent(truths.confidence)} bootstrap interval over the architectures; "
        "regret's is too short. †: fitted to the landmarks that the super-net was trained with, so it "
        "doesn't vouch for that. "
        f"ρ: Spearman. τ top ½: among the {truths.top_half} truly best. regret: {unit} by which "
        "the one ranked first is worse than the pool's best. P@k: share of the first k that is in the true "
        "top k. All figures: metrics.csv, baselines.csv.",
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    estimates = figures[0].estimates
    of_enough = [name for name in estimates if name.startswith("precision") and estimates[name].value >= 0]
    precision = of_enough[-1:]  # the largest k that the pool has
    names = [*_HEADINGS, *precision]
    table.add_column("ranking", overflow="fold")
    table.add_column("by")
    for name in names:
        heading = _HEADINGS.get(name, f"P@{name.removeprefix('precision_at_')}")
        left = wide or name == "kendall_tau"
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for group in (figures, beside):
        before = None
        for ranked in group:
            label = _name(ranked.ranking)
            cells = [_cell(n, ranked.estimates[n], wide) for n in names]
            table.add_row("" if label == before else label, ranked.ranking.score, *cells)
            before = label
        table.add_section()
    for label, tau in of_truth.items():
        table.add_row(label, "", _cell("kendall_tau", tau, wide))
    return table


def _name(ranking: Ranking) -> str:
    if not ranking.baseline:
        return ranking.label
    if ranking.baseline == RIDGE_SCORE:
        regularised = ranking.run is not None and ranking.run.run.result["reg"] != BASELINE
        return f"ridge + {ranking.label}" + (" †" if regularised else "")
    whose = f" of {ranking.label}" if ranking.label else ""
    fitted = f", {ranking.landmarks} landmarks{whose}" if ranking.landmarks else ""
    return f"{baseline(ranking.baseline)}{fitted}"


def _cell(name: str, figure: Estimate, wide: bool) -> str:
    digits = 2 if name == "regret" or name.startswith("precision") else 3
    if np.isnan(figure.value):
        return "–"
    text = f"{figure.value:.{digits}f}"
    if wide or name == "kendall_tau":
        text += f" [{figure.low:.2f}, {figure.high:.2f}]"
    return text


def _gains(gains: pd.DataFrame, confidence: float) -> Table:
    table = Table(
        title="Gain in τ: by the regulariser (same seed, same data), and over the best cheap ranking",
        caption=f"[low, high]: {_percent(confidence)} over architectures; of a mean, over seeds "
        f"(Student's t, from {FEWEST_SEEDS} on), for this pool and these landmarks. p: of the mean, "
        "corrected for the number of tests in this table (Holm)",
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("comparison", overflow="fold")
    for heading in ("by", "seed", "before", "after", "gain", "p"):
        table.add_column(heading, no_wrap=True)
    before = None
    for row in gains.sort_values(["against", "comparison"], kind="stable").to_dict("records"):
        if before is not None and row["comparison"] != before:
            table.add_section()
        figure = number(row["gain"], signed=True)
        if np.isfinite(row["gain_low"]):  # seeds that agree to the last digit have no interval
            figure += f" [{row['gain_low']:+.2f}, {row['gain_high']:+.2f}]"
        seed = f"mean of {row['seeds']}" if row["seed"] == "mean" else row["seed"]
        taus = (number(row["tau_without"]), number(row["tau_with"]))
        comparison = "" if row["comparison"] == before else row["comparison"]
        table.add_row(comparison, row["score"], seed, *taus, figure, p_value(row["p_holm"]))
        before = row["comparison"]
    return table


def _ceiling(highest: Ceiling | None) -> str:
    """How reliable the truth itself is."""
    if highest is None:
        return (
            "The truth's own reliability is not known (no scores by training seed, no standard errors), "
            "and so no ceiling of τ."
        )
    mean = f"a mean of {highest.trainings:.3g} trainings each"
    drawn = ", drawn from means and standard errors" if highest.from_errors else ""
    return (
        f"Ceiling: the truth is {mean}; two seeds{drawn} agree at τ {number(highest.agreement.value)}, "
        f"so a perfect ranking would reach about {number(highest.tau.value)}."
    )


def _earned(figures: list[Ranked], gains: pd.DataFrame) -> list[str]:
    """Whether super-nets earned their training, by the score that chose their candidates."""
    if gains.empty:
        return []
    run = figures[0].ranking.run
    assert run is not None
    chosen = run.run.result["chosen_by"]
    names = [name for name, score in run.study.task.scores.items() if score.column == chosen]
    mine = gains[(gains["against"] != BASELINE) & gains["score"].isin(names)]
    return [earned(rows, *names) for _, rows in mine.groupby("comparison", sort=False)]


def _warnings(figures: list[Ranked], gains: pd.DataFrame, truths: Truths) -> list[str]:
    found = []
    taus = [r.estimates["kendall_tau"] for r in figures]
    halves = [(tau.high - tau.low) / 2 for tau in taus if np.isfinite(tau.high - tau.low)]
    if not halves:
        found.append(
            "Warning: no τ is defined: the pool's truths, or the scores of every run, are all alike."
        )
    elif truths.n < SMALL_POOL:
        half = np.median(halves)
        found.append(
            f"Warning: the pool is small, n = {truths.n}. With another pool τ would move by about "
            f"±{half:.2f}; regret, true rank and precision at k rest on a few architectures."
        )
    seeds = int(gains["seeds"].max()) if not gains.empty else FEW_SEEDS
    if seeds < FEW_SEEDS:
        found.append(
            f"Warning: {seeds} seed{'s' * (seeds > 1)} only: a direction, not a conclusion; "
            f"take {FEW_SEEDS} or more."
        )
    return found


def _percent(confidence: float) -> str:
    return f"{100 * confidence:.4g} %"
