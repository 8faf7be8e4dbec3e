"""``lmreg evaluate``: how well finished searches rank held-out architectures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from lmreg.commands.options import job_folder, top_level
from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.experiment.determinism import settings_kept
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.scores import read_archs
from lmreg.landmarks.truth import LandmarkSet, Truth
from lmreg.rank.baselines import by_cost, by_landmarks, by_ridge_and_score, costs_of
from lmreg.rank.ceiling import CEILING, TRUTH_SEEDS, Ceiling, ceiling
from lmreg.rank.compare import paired
from lmreg.rank.finished_run import BUDGET_IN_STEPS, FinishedRun, distinct, finished_runs, shared_overrides
from lmreg.rank.intervals import Estimate
from lmreg.rank.pool import Ranking, held_out, one_super_net, ranking_table, rankings
from lmreg.rank.score_cache import ScoredRun
from lmreg.rank.statistics import Truths
from lmreg.report.evaluation import Ranked, show
from lmreg.report.scatter import Panel, scatter
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


def run(cfg: DictConfig) -> None:
    """The command; ``cfg`` is composed from ``conf/evaluate.yaml``."""
    evaluate(cfg)


@settings_kept()
def evaluate(cfg: DictConfig) -> Path:
    """The folder in which the tables are that it has written."""
    options = top_level(cfg, EvaluateOptions)
    data_path = cfg.data.get("path")
    if options.run is None:
        runs = finished_runs(Path(options.root) / options.study, data_path)
        folder = runs[0].study_folder
        base = folder / "evaluate"
    else:
        only = FinishedRun.load(Path(options.run).resolve(), data_path)
        runs, folder, base = [only], only.study_folder, only.folder / "evaluate"
        options = replace(options, root=str(folder.parent), study=folder.name)
    out = job_folder(base, EvaluateOptions)
    if options.table is not None:
        _score_table(runs, Path(options.table), options, out)
    else:
        _evaluate(runs, folder, options, out, base / ".cache")
    return out


def _evaluate(
    runs: list[FinishedRun], folder: Path, options: EvaluateOptions, out: Path, cache: Path
) -> None:
    runs, again = distinct(runs)
    study = Study(runs[0].cfg, options)
    truth = Truth.load(folder / "landmarks", study.space)
    pool, landmarks = held_out(truth, runs, study), truth.landmarks
    if left := len(truth.pool.archs) - len(pool.archs):
        say(
            f"Note: {left} of the pool's {len(truth.pool.archs)} architectures are landmarks or one function "
            "with one; they are not ranked."
        )
    truths = Truths.of(pool, options.bootstrap, options.seed, options.confidence)
    highest = ceiling(pool, truths, truth.trainings("pool"))

    costs = costs_of(study, [landmarks, pool], cache)
    by_size = by_cost(study.space, pool, costs)
    baselines = [*by_size, *by_landmarks(study.space, landmarks, pool, costs)]
    ranked: list[Ranking] = []
    cheap: dict[str, list[Ranking]] = {}
    studys, shared, left_out = list(baselines), shared_overrides(runs), []
    for finished in runs:
        try:
            if not truth.fits(finished.result["data_hash"]):
                raise LmregError(
                    "it was trained on other data or other splits than the study's landmarks and pool"
                )
            scored = ScoredRun(finished, options, options.norm)
            label = finished.label(shared)
            write_table(out / f"ranking-{finished.name}.csv", ranking_table(scored, pool))
            own = finished.landmarks(study.space, landmarks)
            further = by_ridge_and_score(scored, label, own or landmarks, pool)
            cheap[finished.name] = studys
            if own is not None and own is not landmarks:
                of_own = by_landmarks(
                    study.space, own, pool, costs_of(study, [own, pool], cache), scored, label
                )
                cheap[finished.name] = [*by_size, *of_own]
                further = [*of_own, *further]
        except LmregError as error:  # the others can still be evaluated
            left_out.append(f"{finished.name} ({error})")
            continue
        ranked += rankings(scored, label, pool)
        baselines += further
    if not ranked:
        raise LmregError(f"no run could be ranked: {'; '.join(left_out)}")

    figures = [Ranked(r, truths.estimates(r.values, options.precision_at)) for r in ranked]
    beside = [Ranked(r, truths.estimates(r.values, options.precision_at)) for r in baselines]
    _plots(figures, pool, highest, out)
    write_table(out / "metrics.csv", _table([row for r in figures for row in _metrics(r)], highest))
    rows = [row for r in beside for row in _baseline(r)]
    write_table(out / "baselines.csv", _table([*rows, *_of_ceiling(highest)], highest))
    gains = paired(ranked, truths, cheap, options.norm)
    written = ["metrics.csv", "baselines.csv", "ranking-<run>.csv and a plot <run>.png of every run"]
    if gains.empty:
        (out / "paired.csv").unlink(missing_ok=True)
    else:
        write_table(out / "paired.csv", gains)
        written.insert(2, "paired.csv")
    _notes(runs, again, truth, folder, whole_study=options.run is None)
    for names in one_super_net(ranked):
        say(
            f"Note: {' and '.join(names)} have the same scores to the last digit: one super-net, which is "
            "counted each time. Options that differ have made no difference; a regulariser never acted."
        )
    show(options.study, figures, beside, gains, pool, truths, highest, sorted(shared), options.run is None)
    say(f"Written to {out}: {', '.join(written)}")
    _tell_left_out(left_out, runs)


def _score_table(runs: list[FinishedRun], path: Path, options: EvaluateOptions, out: Path) -> None:
    """Write ``scores-<run>.csv``: the scores of every row of the table, by every run."""
    left_out, space = [], Study(runs[0].cfg, options).space
    archs = read_archs(path, options.table_arch_column, space, "table_arch_column")
    for finished in runs:
        try:
            scores = ScoredRun(finished, options, options.norm).scores(archs)
        except LmregError as error:
            left_out.append(f"{finished.name} ({error})")
            continue
        texts = pd.DataFrame({"arch": [space.format(arch) for arch in archs]})
        write_table(out / f"scores-{finished.name}.csv", pd.concat([texts, scores], axis=1))
        say(f"Written: {out / f'scores-{finished.name}.csv'} ({len(archs)} architectures)")
    _tell_left_out(left_out, runs)


def _tell_left_out(left_out: list[str], runs: list[FinishedRun]) -> None:
    if left_out:
        raise LmregError(f"{len(left_out)} of {len(runs)} runs could not be ranked: {'; '.join(left_out)}")


def _notes(
    runs: list[FinishedRun], again: dict[str, FinishedRun], truth: Truth, folder: Path, whole_study: bool
) -> None:
    """What a reader must know besides the tables."""
    for name, first in again.items():
        say(f"Note: {name} is {first.name} again (the same configuration, seed and data): counted once.")
    if note := truth.pool.noise_note():
        say(f"Note: the truth of the pool is {note}; no ranking can agree well with it.")
    for finished in runs:
        if finished.cfg.get("landmarks_hash", truth.landmarks.hash) != truth.landmarks.hash:
            say(f"Note: {finished.name} was trained with other landmarks than the study has now.")
        if finished.counts_steps:
            say(f"Note: {finished.name} is {BUDGET_IN_STEPS}.")
    for config in sorted(folder.glob("search/*/config.yaml")) if whole_study else ():
        if not (config.parent / "result.json").exists():
            say(f"Note: {config.parent.name} is not finished; its search command goes on with it.")


def _metrics(ranked: Ranked) -> list[dict[str, Any]]:
    scored = ranked.ranking.run
    assert scored is not None
    about = {"run": scored.run.name, **{k: scored.run.result[k] for k in ("algo", "reg", "seed")}}
    about |= {"score": ranked.ranking.score, "norm": scored.norm}
    return [about | _figure(*item) | {"label": ranked.ranking.label} for item in ranked.estimates.items()]


def _baseline(ranked: Ranked) -> list[dict[str, Any]]:
    it = ranked.ranking
    name = "" if it.run is None else it.run.run.name
    about = {"baseline": it.baseline, "run": name, "label": it.label, "score": it.score}
    return [about | _figure(*item) for item in ranked.estimates.items()]


def _table(rows: list[dict[str, Any]], highest: Ceiling | None) -> pd.DataFrame:
    """The rows with the ceiling beside every tau."""
    table = pd.DataFrame(rows)
    value = highest.tau.value if highest else float("nan")
    return table.assign(ceiling=np.where(table["statistic"] == "kendall_tau", value, np.nan))


def _of_ceiling(highest: Ceiling | None) -> list[dict[str, Any]]:
    figures = {CEILING: highest.tau, TRUTH_SEEDS: highest.agreement} if highest else {}
    about = {"run": "", "label": "", "score": ""}
    return [{"baseline": name, **about, **_figure("kendall_tau", it)} for name, it in figures.items()]


def _figure(statistic: str, estimate: Estimate) -> dict[str, Any]:
    return {"statistic": statistic, **vars(estimate)}


def _plots(figures: list[Ranked], pool: LandmarkSet, highest: Ceiling | None, out: Path) -> None:
    most = f", ceiling {highest.tau.value:.3f}" if highest else ""
    by_run: dict[str, list[Ranked]] = {}
    for ranked in figures:
        assert ranked.ranking.run is not None
        by_run.setdefault(ranked.ranking.run.run.name, []).append(ranked)
    for name, some in by_run.items():
        run = some[0].ranking.run
        assert run is not None
        panels = []
        for ranked in some:
            score, tau = run.study.task.score(ranked.ranking.score), ranked.estimates["kendall_tau"]
            panels.append(Panel(score.column, score.sign < 0, f"Kendall τ {tau}, n = {tau.n}{most}"))
        table = ranking_table(run, pool)
        scatter(out / f"{name}.png", some[0].ranking.label, table, f"truth_{pool.column}", panels)
