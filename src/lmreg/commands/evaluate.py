"""``lmreg evaluate``: measure how well finished searches rank held-out architectures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from lmreg.commands.options import job_folder
from lmreg.config.build import top_level, typed
from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.experiment.runtime import Runtime
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.scores import read_archs
from lmreg.landmarks.truth import LandmarkSet, Truth
from lmreg.rank.baselines import ridge_and_score_rankings
from lmreg.rank.ceiling import Ceiling, ceiling
from lmreg.rank.cheap import CheapRankings
from lmreg.rank.compare import paired_gains
from lmreg.rank.finished_run import BUDGET_IN_STEPS, FinishedRun, distinct, finished_runs, shared_overrides
from lmreg.rank.intervals import Estimate
from lmreg.rank.pool import Ranking, held_out, identical_super_nets, ranking_table, rankings
from lmreg.rank.prediction import recommendation, with_super_nets
from lmreg.rank.proxy_scores import ProxiesConfig, ProxyScores
from lmreg.rank.score_cache import ScoreCache
from lmreg.rank.statistics import ResampledTruth
from lmreg.report.scatter import ScatterPlot, scatter_plots, write_png
from lmreg.report.terminal import RankingStatistics, print_evaluation
from lmreg.util.files import write_table
from lmreg.util.progress import say


@dataclass
class EvaluateOptions(Options):
    run: str | None = option(
        None,
        text="path",
        help="folder of one run to evaluate by itself; null: the whole study",
        sweep_folder=False,
    )
    bootstrap: int = option(2000, min=100, help="resamples of the pool for each interval")
    confidence: float = option(0.95, min=0.5, max=0.999, help="confidence of the intervals")
    precision_at: list[int] = option([5, 10], help="values of k for the precision at k")
    norm: str | None = option(
        None,
        choices=["batch", "recalibrate"],
        help="batch-norm policy: batch or recalibrate; null: each run's own",
    )
    table: str | None = option(
        None, text="path", help="CSV or Parquet file whose architectures are scored instead of the pool"
    )
    table_arch_column: str = option("arch", text="text", help="its column of the architecture's text form")

    def __post_init__(self) -> None:
        if any(k < 1 for k in self.precision_at):
            raise ValueError(f"precision_at={self.precision_at}: each must be at least 1")
        self.precision_at = sorted(set(self.precision_at))


def evaluate(cfg: DictConfig, overrides: list[str]) -> Path:
    """Evaluate as ``cfg`` says; return the folder of the tables."""
    options = top_level(cfg, EvaluateOptions)
    data_path = cfg.data.get("path")
    if options.run is None:
        runs = finished_runs(Path(options.root) / options.study, data_path)
        folder = runs[0].study_folder
        base = folder / "evaluate"
    else:
        run = FinishedRun.load(Path(options.run).resolve(), data_path)
        runs, folder, base = [run], run.study_folder, run.folder / "evaluate"
        options = replace(options, root=str(folder.parent), study=folder.name)
    out = job_folder(base, EvaluateOptions)
    with Runtime.of(options).applied():
        if options.table is not None:
            _score_table(runs, Path(options.table), options, out)
        else:
            proxies = typed(cfg.proxies, ProxiesConfig, "proxies")
            _evaluate(runs, folder, options, proxies, out, base / ".cache")
    return out


def _evaluate(
    runs: list[FinishedRun],
    folder: Path,
    options: EvaluateOptions,
    proxies_config: ProxiesConfig,
    out: Path,
    cache: Path,
) -> None:
    """Rank the held-out pool by every run and every baseline, write the tables and plots, and print them."""
    runs, again = distinct(runs)
    study = Study(runs[0].cfg, options)
    predicting, runs = [r for r in runs if not r.has_super_net], [r for r in runs if r.has_super_net]
    truth = Truth.load(folder / "landmarks", study.space)
    pool, landmarks = held_out(truth, runs, study), truth.landmarks
    if excluded := len(truth.pool.archs) - len(pool.archs):
        say(
            f"Note: {excluded} of the pool's {len(truth.pool.archs)} architectures are landmarks or compute "
            "the same function as one; they are not ranked."
        )
    resampled = ResampledTruth.of(pool, options.bootstrap, options.seed, options.confidence)
    highest = ceiling(pool, resampled, truth.trainings("pool"))

    hashes = [run.result["data_hash"] for run in [*runs, *predicting]]
    fitting = [data_hash for data_hash in hashes if truth.fits(data_hash)]
    if not fitting:
        raise LmregError(
            "no run could be ranked: all were trained on other data or other splits than the study's "
            "landmarks and pool"
        )
    proxies = ProxyScores(study, proxies_config, fitting[0])
    cheap_rankings = CheapRankings(study, pool, proxies, cache)
    shared_cheap, predicted, known = cheap_rankings.fitted_to(landmarks)
    super_nets: list[Ranking] = []
    sources: list[ScoreCache] = []
    tables: dict[str, pd.DataFrame] = {}  # by name of run
    baselines = list(shared_cheap)
    cheap: dict[str, list[Ranking]] = {}  # by name of run
    shared, failures = shared_overrides(runs) if runs else set(), []
    for run in runs:
        try:
            if not truth.fits(run.result["data_hash"]):
                raise LmregError(
                    "it was trained on other data or other splits than the study's landmarks and pool"
                )
            scores, label = ScoreCache(run, options, options.norm), run.label(shared)
            tables[run.name] = ranking_table(scores, pool)
            write_table(out / f"ranking-{run.name}.csv", tables[run.name])
            own = run.landmarks(study.space, landmarks)
            run_baselines = ridge_and_score_rankings(scores, label, own or landmarks, pool)
            cheap[run.name] = shared_cheap
            if own is not None and own is not landmarks:
                cheap[run.name] = cheap_rankings.fitted_to(own, scores, label).rankings
                of_own = [ranking for ranking in cheap[run.name] if ranking.run is not None]
                run_baselines = [*of_own, *run_baselines]
        except LmregError as error:  # the other runs can still be evaluated
            failures.append(f"{run.name} ({error})")
            continue
        super_nets += rankings(scores, label, pool)
        sources.append(scores)
        baselines += run_baselines
    if failures and not super_nets:
        raise LmregError(f"no run could be ranked: {'; '.join(failures)}")
    combined = with_super_nets(known, predicted, landmarks, pool, sources, options.norm) if sources else []
    baselines += [one.ranking for one in combined]

    statistics, baseline_statistics = (
        [RankingStatistics(r, resampled.estimates(r.values, options.precision_at)) for r in some]
        for some in (super_nets, baselines)
    )
    _write_plots(statistics, tables, pool, highest, out)
    write_table(out / "metrics.csv", _with_ceiling(map(_metrics_rows, statistics), highest))
    rows = [*map(_baseline_rows, baseline_statistics), _ceiling_rows(highest)]
    write_table(out / "baselines.csv", _with_ceiling(rows, highest))
    gains = paired_gains(super_nets, resampled, cheap, options.norm)
    advice = recommendation([*predicted, *combined], known.scores, resampled)
    write_table(out / "recommended.csv", advice)
    written = ["metrics.csv", "baselines.csv", "recommended.csv"]
    if gains.empty:
        (out / "paired.csv").unlink(missing_ok=True)
    else:
        write_table(out / "paired.csv", gains)
        written.append("paired.csv")
    if super_nets:
        written.append("ranking-<run>.csv and a plot <run>.png of every run")
    whole_study = options.run is None
    for run in predicting:
        say(f"Note: {run.name} has no super-net and is not ranked here; the predictors below are.")
    _say_notes(runs, again, truth, folder, whole_study)
    for names in identical_super_nets(super_nets):
        say(
            f"Note: {' and '.join(names)} have the same scores to the last digit, so they have the same "
            "super-net, which counts once for each of them. The options in which they differ had no "
            "effect; a regulariser never acted."
        )
    print_evaluation(
        options.study,
        statistics,
        baseline_statistics,
        gains,
        advice,
        pool,
        resampled,
        highest,
        shared,
        whole_study,
    )
    say(f"Written to {out}: {', '.join(written)}")
    _raise_failures(failures, runs)


def _score_table(runs: list[FinishedRun], path: Path, options: EvaluateOptions, out: Path) -> None:
    """Write ``scores-<run>.csv`` for every run: the super-net's scores of every row of the table."""
    failures, space = [], Study(runs[0].cfg, options).space
    runs = [run for run in runs if run.has_super_net]
    if not runs:
        raise LmregError("no search here has a super-net that could score a table")
    archs = read_archs(path, options.table_arch_column, space, "table_arch_column")
    for run in runs:
        try:
            scores = ScoreCache(run, options, options.norm).scores(archs)
        except LmregError as error:
            failures.append(f"{run.name} ({error})")
            continue
        texts = pd.DataFrame({"arch": [space.format(arch) for arch in archs]})
        write_table(out / f"scores-{run.name}.csv", pd.concat([texts, scores], axis=1))
        say(f"Written: {out / f'scores-{run.name}.csv'} ({len(archs)} architectures)")
    _raise_failures(failures, runs)


def _raise_failures(failures: list[str], runs: list[FinishedRun]) -> None:
    if failures:
        raise LmregError(f"{len(failures)} of {len(runs)} runs could not be ranked: {'; '.join(failures)}")


def _say_notes(
    runs: list[FinishedRun], again: dict[str, FinishedRun], truth: Truth, folder: Path, whole_study: bool
) -> None:
    """Print what a reader of the tables must know besides."""
    for name, first in again.items():
        say(f"Note: {first.repeated_by(name)}")
    if note := truth.pool.noise_note():
        say(f"Note: the truth of the pool is {note}; no ranking can agree well with it.")
    for run in runs:
        if not run.is_of(truth.landmarks):
            say(f"Note: {run.name} was trained with other landmarks than the study has now.")
        if run.counts_steps:
            say(f"Note: {run.name} is {BUDGET_IN_STEPS}.")
    for config in sorted(folder.glob("search/*/config.yaml")) if whole_study else ():
        if not (config.parent / "result.json").exists():
            say(f"Note: {config.parent.name} is not finished; run its search command again to continue it.")


def _metrics_rows(statistics: RankingStatistics) -> list[dict[str, Any]]:
    """Return a super-net's rows of ``metrics.csv``."""
    ranking, source = statistics.ranking, statistics.ranking.source
    assert source is not None
    about = {"run": source.run.name, **{key: source.run.result[key] for key in ("algo", "reg", "seed")}}
    about |= {"score": ranking.score, "norm": source.norm}
    rows = statistics.estimates.items()
    return [about | {"statistic": name, **vars(it), "label": ranking.label} for name, it in rows]


def _baseline_rows(statistics: RankingStatistics) -> list[dict[str, Any]]:
    """Return a baseline's rows of ``baselines.csv``."""
    ranking = statistics.ranking
    about = {"baseline": ranking.baseline, "run": ranking.run_name, "label": ranking.label}
    about |= {"score": ranking.score}
    return [about | {"statistic": name, **vars(it)} for name, it in statistics.estimates.items()]


def _with_ceiling(rows: Iterable[list[dict[str, Any]]], highest: Ceiling | None) -> pd.DataFrame:
    """Return the rows as a table, with the ceiling beside every tau."""
    table = pd.DataFrame([row for some in rows for row in some])
    if table.empty:  # without a super-net
        table = pd.DataFrame(
            columns=["run", "score", "statistic", *(f.name for f in fields(Estimate)), "label"]
        )
    value = highest.tau.value if highest else float("nan")
    return table.assign(ceiling=np.where(table["statistic"] == "kendall_tau", value, np.nan))


def _ceiling_rows(highest: Ceiling | None) -> list[dict[str, Any]]:
    """Return the rows of ``baselines.csv`` with the ceiling and the agreement between training seeds."""
    about = {"run": "", "label": "", "score": "", "statistic": "kendall_tau"}
    taus = highest.by_name if highest else {}
    return [{"baseline": name, **about, **vars(tau)} for name, tau in taus.items()]


def _write_plots(
    statistics: list[RankingStatistics],
    tables: dict[str, pd.DataFrame],
    pool: LandmarkSet,
    highest: Ceiling | None,
    out: Path,
) -> None:
    """Write ``<run>.png`` for every run: the scatter plots of its table, of truth against each score."""
    ceiling_note = f", ceiling {highest.tau.value:.3f}" if highest else ""
    plots: dict[str, list[ScatterPlot]] = {name: [] for name in tables}
    for one in statistics:
        ranking, tau, source = one.ranking, one.estimates["kendall_tau"], one.ranking.source
        assert source is not None
        note = f"Kendall τ {tau}, n = {tau.n}{ceiling_note}"
        rankings = [(tables[ranking.run_name], ranking.label, note, 0)]
        plots[ranking.run_name] += scatter_plots(rankings, pool, source.study.task.scores[ranking.score])
    for name, of_run in plots.items():
        write_png(out / f"{name}.png", of_run[0].title, of_run)
