"""The results of `lmreg evaluate` as tables for terminals of at least 80 columns."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich import box
from rich.table import Table

from lmreg.landmarks.truth import LandmarkSet
from lmreg.rank.baselines import RIDGE_SCORE
from lmreg.rank.ceiling import Ceiling
from lmreg.rank.compare import why_unpaired
from lmreg.rank.finished_run import NO_REGULARISER
from lmreg.rank.intervals import SEEDS_FOR_INTERVAL, Estimate
from lmreg.rank.pool import Ranking
from lmreg.rank.prediction import WITH_SUPER_NET
from lmreg.rank.statistics import ResampledTruth
from lmreg.report import words
from lmreg.report.advice import advice_in_words
from lmreg.report.scatter import in_words
from lmreg.util.progress import console, counted

WIDE = 130
"""From this many columns on every value is shown with its interval."""
SMALL_POOL = 100

_HEADINGS = {
    "kendall_tau": "Kendall τ",
    "spearman": "ρ",
    "kendall_tau_top_half": "τ top ½",
    "regret": "regret",
}
_Table = functools.partial(
    Table, title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
)


@dataclass(frozen=True)
class RankingStatistics:
    """A ranking and its statistics by name."""

    ranking: Ranking
    estimates: dict[str, Estimate]


def print_evaluation(
    title: str,
    super_nets: list[RankingStatistics],
    baselines: list[RankingStatistics],
    gains: pd.DataFrame,
    advice: pd.DataFrame,
    pool: LandmarkSet,
    truth: ResampledTruth,
    ceiling: Ceiling | None,
    shared: set[str],
    whole_study: bool = True,
) -> None:
    """Print everything.

    Args:
        title: of the table of rankings.
        gains: see `lmreg.rank.compare.paired_gains`; may be empty.
        advice: see `lmreg.rank.prediction.recommendation`.
        truth: of ``pool``.
        ceiling: what a perfect ranking could reach, if known.
        shared: the overrides that all runs were given.
        whole_study: whether a whole study is evaluated rather than a single run.
    """
    out = console()
    if shared:
        out.print(f"All runs: {' '.join(sorted(shared))}")
    out.print(_rankings(title, super_nets, baselines, pool, truth, ceiling, wide=out.width >= WIDE))
    if not gains.empty:
        out.print(_gains(gains, truth.confidence))
    for line in [*_worth_training(super_nets, gains), *words.seeds_left_out(gains), *advice_in_words(advice)]:
        out.print(line, highlight=False)
    if whole_study and super_nets and (gains.empty or not (gains["against"] == NO_REGULARISER).any()):
        runs = {one.ranking.run.name: one.ranking.run for one in super_nets if one.ranking.run is not None}
        out.print(f"{words.NO_PAIR}: {why_unpaired(list(runs.values()))}.")
    for warning in _warnings(super_nets or baselines, gains, truth):
        out.print(warning)


def _rankings(
    title: str,
    super_nets: list[RankingStatistics],
    baselines: list[RankingStatistics],
    pool: LandmarkSet,
    truth: ResampledTruth,
    ceiling: Ceiling | None,
    wide: bool,
) -> Table:
    unit = in_words(pool.column)
    table = _Table(
        title=f"{title}: {len(pool.archs)} held-out architectures, ranked by super-net score, "
        f"compared with stand-alone {unit}",
        caption=f"{_ceiling_sentence(ceiling)} "
        f"[low, high]: {_percent(truth.confidence)} bootstrap interval over the architectures (too short for "
        "regret). †: fitted to the landmarks that the super-net was regularised with, so no evidence for it. "
        f"ρ: Spearman. τ top ½: among the {truth.top_half} truly best. regret: {unit} by which the "
        "architecture ranked first is worse than the best. P@k: share of the k ranked first that are in the "
        "true top k. All values: metrics.csv, baselines.csv.",
    )
    estimates = (super_nets or baselines)[0].estimates
    defined = [name for name in estimates if name.startswith("precision") and estimates[name].value >= 0]
    precision = defined[-1:]  # of the largest k that the pool is large enough for
    names = [*_HEADINGS, *precision]
    table.add_column("ranking", overflow="fold")
    table.add_column("by")
    for name in names:
        heading = _HEADINGS.get(name, f"P@{name.removeprefix('precision_at_')}")
        left = wide or name == "kendall_tau"
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for group in (super_nets, baselines):
        previous = None
        for one in group:
            name = _ranking_name(one.ranking)
            cells = [_estimate_cell(n, one.estimates[n], wide) for n in names]
            table.add_row("" if name == previous else name, one.ranking.score, *cells)
            previous = name
        table.add_section()
    for name, tau in ceiling.by_name.items() if ceiling else ():
        table.add_row(words.baseline(name), "", _estimate_cell("kendall_tau", tau, wide))
    return table


def _ranking_name(ranking: Ranking) -> str:
    if not ranking.baseline:
        return ranking.label
    if ranking.baseline == WITH_SUPER_NET:
        return f"{words.baseline(ranking.baseline)} {ranking.label}"
    if ranking.baseline == RIDGE_SCORE:
        regularised = ranking.run is not None and ranking.run.result["reg"] != NO_REGULARISER
        return f"ridge + {ranking.label}" + (" †" if regularised else "")
    whose = f" of {ranking.label}" if ranking.label else ""
    fitted = f", {ranking.landmarks} landmarks{whose}" if ranking.landmarks else ""
    return f"{words.baseline(ranking.baseline)}{fitted}"


def _estimate_cell(name: str, estimate: Estimate, wide: bool) -> str:
    digits = 2 if name == "regret" or name.startswith("precision") else 3
    if np.isnan(estimate.value):
        return words.NOTHING
    text = f"{estimate.value:.{digits}f}"
    if wide or name == "kendall_tau":
        text += f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    return text


def _gains(gains: pd.DataFrame, confidence: float) -> Table:
    table = _Table(
        title="Gain in τ: of the regulariser over none (same seed and data), of the super-net over the best "
        "cheap ranking",
        caption=f"[low, high]: {_percent(confidence)} interval over architectures; for a mean, over seeds "
        f"(Student's t, from {SEEDS_FOR_INTERVAL} on) with this pool and these landmarks. p: of the mean, "
        "corrected for the number of tests in this table (Holm)",
    )
    table.add_column("comparison", overflow="fold")
    for heading in ("by", "seed", "before", "after", "gain", "p"):
        table.add_column(heading, no_wrap=True)
    previous = None
    for row in gains.sort_values(["against", "comparison"], kind="stable").to_dict("records"):
        if previous is not None and row["comparison"] != previous:
            table.add_section()
        figure = words.number(row["gain"], signed=True)
        if np.isfinite(row["gain_low"]):  # equal gains have no interval
            figure += f" [{row['gain_low']:+.2f}, {row['gain_high']:+.2f}]"
        seed = f"mean of {row['seeds']}" if row["seed"] == "mean" else row["seed"]
        taus = (words.number(row["tau_without"]), words.number(row["tau_with"]))
        comparison = "" if row["comparison"] == previous else row["comparison"]
        table.add_row(comparison, row["score"], seed, *taus, figure, words.p_value(row["p_holm"]))
        previous = row["comparison"]
    return table


def _ceiling_sentence(ceiling: Ceiling | None) -> str:
    """Say how reliable the truth is."""
    if ceiling is None:
        return (
            "The ceiling of τ is unknown, as is the reliability of the truth (no scores by training seed, no "
            "standard errors)."
        )
    mean = f"a mean of {ceiling.trainings:.3g} trainings each"
    simulated = ", simulated from means and standard errors," if ceiling.from_errors else ""
    return (
        f"Ceiling: the truth is {mean}; two seeds{simulated} agree at τ "
        f"{words.number(ceiling.agreement.value)}, so a perfect ranking would reach about "
        f"{words.number(ceiling.tau.value)}."
    )


def _worth_training(super_nets: list[RankingStatistics], gains: pd.DataFrame) -> list[str]:
    """Say whether super-nets are worth their training, by the score that chose their candidates."""
    if gains.empty:
        return []
    source = super_nets[0].ranking.source
    assert source is not None
    chosen = source.run.score(source.study.task)
    mine = gains[(gains["against"] != NO_REGULARISER) & (gains["score"] == chosen)]
    return [words.worth_training(rows, chosen) for _, rows in mine.groupby("comparison", sort=False)]


def _warnings(rankings: list[RankingStatistics], gains: pd.DataFrame, truth: ResampledTruth) -> list[str]:
    found = []
    taus = [one.estimates["kendall_tau"] for one in rankings]
    halves = [(tau.high - tau.low) / 2 for tau in taus if np.isfinite(tau.high - tau.low)]
    if not halves:
        found.append(
            "Warning: no τ is defined, because all truths of the pool, or all scores of every run, are equal."
        )
    elif truth.n < SMALL_POOL:
        half = np.median(halves)
        found.append(
            f"Warning: the pool is small, n = {truth.n}. With another pool τ would change by about "
            f"±{half:.2f}; regret, true rank and precision at k depend on a few architectures."
        )
    seeds = int(gains["seeds"].max()) if not gains.empty else words.SEEDS_FOR_CONCLUSION
    if seeds < words.SEEDS_FOR_CONCLUSION:
        found.append(
            f"Warning: {counted(seeds, 'seed')} only: a direction, not a conclusion; "
            f"use {words.SEEDS_FOR_CONCLUSION} or more."
        )
    return found


def _percent(confidence: float) -> str:
    return f"{100 * confidence:.4g} %"
