"""``lmreg evaluate``: how well every finished search of the study ranks held-out architectures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig
from rich.table import Table

from lmreg.commands.options import top_level
from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.files import write_table
from lmreg.progress import console
from lmreg.rank.compare import paired
from lmreg.rank.correlation import STATISTICS, Estimate, estimate, resamples
from lmreg.rank.pool import FinishedRun, finished_runs, held_out, oriented, rank_pool, shared_overrides
from lmreg.report.scatter import Panel, in_words, scatter
from lmreg.study import Options, Study
from lmreg.task.base import Task
from lmreg.truth import LandmarkSet, Truth


@dataclass
class EvaluateOptions(Options):
    bootstrap: int = option(2000, min=100, help="resamples of the pool for each interval")
    confidence: float = option(0.95, min=0.5, max=0.999)


@dataclass(frozen=True)
class Ranked:
    """One run's ranking by one score: statistics by name. ``label`` tells the run from the others."""

    run: FinishedRun
    label: str
    score: str
    estimates: dict[str, Estimate]


def run(cfg: DictConfig) -> None:
    """The command; ``cfg`` is composed from ``conf/evaluate.yaml``."""
    options = top_level(cfg, EvaluateOptions)
    folder = Path(options.root) / options.study
    runs = finished_runs(folder, cfg.data.get("path"))
    study = Study(runs[0].cfg, options)
    truth = Truth.load(folder / "landmarks", study.space)
    pool = held_out(truth, runs, study)
    draws = resamples(len(pool.archs), options.bootstrap, options.seed)
    out = folder / "evaluate"

    tables, ranked, shared = {}, [], shared_overrides(runs)
    left_out = []
    for finished in runs:
        try:
            table = tables[finished.name] = rank_pool(finished, pool, options, out)
        except LmregError as error:  # the others can still be evaluated
            left_out.append(f"{finished.name} ({error})")
            continue
        label = finished.label(shared)
        mine = _correlate(finished, label, table, pool, study.task, draws, options.confidence)
        ranked += mine
        panels = [_panel(r, study.task) for r in mine]
        scatter(out / f"{finished.name}.png", label, table, f"truth_{pool.column}", panels)
    if not ranked:
        raise LmregError(f"no run could be ranked: {'; '.join(left_out)}")
    write_table(out / "metrics.csv", pd.DataFrame([_row(r) for r in ranked]))
    comparison = paired(
        [r for r in runs if r.name in tables], tables, pool, study.task, draws, options.confidence
    )
    written = ["metrics.csv", "ranking-<run>.csv and a plot <run>.png of every run"]
    if comparison.empty:
        (out / "paired.csv").unlink(missing_ok=True)
    else:
        write_table(out / "paired.csv", comparison)
        written.insert(1, "paired.csv")
    _notes(runs, truth, folder)
    if shared:
        print(f"All runs: {' '.join(sorted(shared))}")
    _show(ranked, comparison, pool, options)
    print(f"Written to {out}: {', '.join(written)}")
    if left_out:
        raise LmregError(f"{len(left_out)} of {len(runs)} runs could not be ranked: {'; '.join(left_out)}")


def _notes(runs: list[FinishedRun], truth: Truth, folder: Path) -> None:
    """What a reader must know besides the tables."""
    for finished in runs:
        if finished.cfg.get("landmarks_hash", truth.landmarks.hash) != truth.landmarks.hash:
            print(f"Note: {finished.name} was trained with other landmarks than the study has now.")
    for config in sorted(folder.glob("search/*/config.yaml")):
        if not (config.parent / "result.json").exists():
            print(f"Note: {config.parent.name} is not finished; its search command goes on with it.")


def _correlate(
    finished: FinishedRun,
    label: str,
    table: pd.DataFrame,
    pool: LandmarkSet,
    task: Task,
    draws: np.ndarray,
    confidence: float,
) -> list[Ranked]:
    ranked = []
    for name, score in task.scores.items():
        truth, values = oriented(table, pool, score.column, score.sign)
        estimates = {
            key: estimate(statistic(truth, values, draws), len(truth), confidence)
            for key, statistic in STATISTICS.items()
        }
        ranked.append(Ranked(finished, label, name, estimates))
    return ranked


def _row(ranked: Ranked) -> dict[str, Any]:
    result = ranked.run.result
    row: dict[str, Any] = {"run": ranked.run.name, **{k: result[k] for k in ("algo", "reg", "seed")}}
    row["score"] = ranked.score
    for name, figure in ranked.estimates.items():
        row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
    return row | {"n": next(iter(ranked.estimates.values())).n}


def _panel(ranked: Ranked, task: Task) -> Panel:
    score, tau = task.score(ranked.score), ranked.estimates["kendall_tau"]
    return Panel(score.column, score.sign < 0, f"Kendall τ {tau}, n = {tau.n}")


def _show(
    ranked: list[Ranked], comparison: pd.DataFrame, pool: LandmarkSet, options: EvaluateOptions
) -> None:
    percent = f"{100 * options.confidence:.4g} %"
    table = Table(
        title=f"{options.study}: ranking of {len(pool.archs)} held-out architectures by super-net score "
        f"against stand-alone {in_words(pool.column)}",
        caption=f"[low, high]: {percent} bootstrap interval over the architectures",
        title_justify="left",
        caption_justify="left",
    )
    for heading in ("run", "score", "Kendall τ-b", "Spearman ρ"):
        table.add_column(heading)
    for r in ranked:
        table.add_row(r.label, r.score, *(str(r.estimates[s]) for s in STATISTICS))
    console().print(table)
    if comparison.empty:
        print("No pair of runs with and without the regulariser to compare: run both for the same seed.")
        return
    table = Table(
        title="Gain in τ by the regulariser, same seed, data and paths",
        caption=f"[low, high]: {percent}, over architectures; of the mean, over seeds (Student's t)",
        title_justify="left",
        caption_justify="left",
    )
    for heading in ("comparison", "score", "seed", "without", "with", "gain", "p"):
        table.add_column(heading)
    for row in comparison.to_dict("records"):
        figure = f"{row['gain']:+.3f} [{row['gain_low']:+.3f}, {row['gain_high']:+.3f}]"
        seed = f"mean of {row['seeds']}" if row["seed"] == "mean" else row["seed"]
        p = "" if np.isnan(row["p_value"]) else f"{row['p_value']:.3f}"
        taus = (f"{row['tau_without']:.3f}", f"{row['tau_with']:.3f}")
        table.add_row(row["comparison"], row["score"], seed, *taus, figure, p)
    console().print(table)
