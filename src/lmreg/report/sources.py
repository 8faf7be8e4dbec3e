"""The sources of a report: what the other commands have written into a study's folder."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lmreg.config.build import nearest
from lmreg.errors import LmregError
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.truth import MANIFEST, Truth
from lmreg.rank.compare import matched_pairs
from lmreg.rank.finished_run import (
    BUDGET_IN_STEPS,
    NO_REGULARISER,
    FinishedRun,
    distinct,
    finished_runs,
    shared_overrides,
)
from lmreg.util.files import read_table

METRICS = {"run", "label", "score", "statistic", "value", "low", "high", "n", "norm", "ceiling"}
PAIRED = {
    *("comparison", "score", "seed", "tau_without", "tau_with", "against", "rivals", "left_out"),
    *("gain", "gain_low", "gain_high", "gain_pool_low", "gain_pool_high"),
    *("p_value", "p_holm", "confidence", "n", "seeds"),
}
BASELINES = {"baseline", "run", "label", "score", "statistic", "value", "low", "high", "n", "ceiling"}
RECOMMENDED = {
    *("ranking", "label", "landmarks", "recommended", "left_out_tau", "kendall_tau", "low", "high", "n"),
    *("over", "gain", "gain_low", "gain_high"),
}
TRAINING = {"step", "epoch"}
TRACKING = {"step", "epoch", "set", "score", "kendall_tau", "n"}


@dataclass(frozen=True)
class ReportedRun:
    """An evaluated run and its tables; ``group`` is its label without the seed."""

    finished: FinishedRun
    label: str
    group: str
    ranking: pd.DataFrame | None
    training: pd.DataFrame | None
    tracking: pd.DataFrame | None
    candidates: pd.DataFrame

    @property
    def name(self) -> str:
        return self.finished.name

    @property
    def seed(self) -> int:
        return self.finished.result["seed"]

    @property
    def regularised(self) -> bool:
        return self.finished.result["reg"] != NO_REGULARISER


@dataclass(frozen=True)
class Sources:
    """A study's results.

    Attributes:
        evaluation: the folder of the evaluation that ``metrics``, ``paired`` and ``baselines`` are from.
        pairs: (without, with the regulariser) runs that agree in everything else.
        notes: what a reader must know about the completeness of the report.
    """

    folder: Path
    evaluation: Path
    study: Study
    truth: Truth
    runs: list[ReportedRun]
    pairs: list[tuple[ReportedRun, ReportedRun]]
    metrics: pd.DataFrame
    paired: pd.DataFrame | None
    baselines: pd.DataFrame | None
    recommended: pd.DataFrame | None
    notes: list[str]

    @property
    def groups(self) -> list[str]:
        """The runs' distinct groups, those without a regulariser first."""
        return list(dict.fromkeys(r.group for r in sorted(self.runs, key=lambda r: r.regularised)))

    @classmethod
    def load(cls, options: Options, evaluation: str | None = None) -> Sources:
        """Read the study's folder, and of its evaluations the one of a sweep named ``evaluation``; None for
        that of a single call. Raises LmregError if there is nothing to report yet, or a file is invalid."""
        folder = Path(options.root) / options.study
        finished, again = distinct(finished_runs(folder))
        if not any(run.has_super_net for run in finished):
            raise LmregError(
                f"{folder}: none of its searches has a super-net to report on; 'lmreg evaluate' says what to "
                "rank by without one"
            )
        finished = [run for run in finished if run.has_super_net]
        evaluated = _evaluation(folder / "evaluate", evaluation)
        metrics = _optional(evaluated / "metrics.csv", METRICS, _AGAIN)
        if metrics is None:
            raise LmregError(
                f"no evaluation in {evaluated}; 'lmreg evaluate' makes it (give it the same root and study)"
            )
        study = Study(finished[0].cfg, options)
        truth = Truth.load(folder / "landmarks", study.space)
        ranked = [run for run in finished if run.name in set(metrics["run"])]
        if not ranked:
            raise LmregError(f"{folder}: none of its searches has been evaluated; 'lmreg evaluate' does that")
        shared = shared_overrides(finished)
        labels = dict(zip(metrics["run"], metrics["label"].astype(str), strict=True))
        runs = [_run(run, labels[run.name], run.label(shared, seed=False), evaluated) for run in ranked]
        by_name = {run.name: run for run in runs}
        runs.sort(key=lambda r: (r.finished.result["algo"], r.regularised, r.group, r.seed))
        norms = set(metrics["norm"])  # a single one if evaluate was given norm=
        norm = str(min(norms)) if len(norms) == 1 else None
        pairs = [(by_name[a.name], by_name[b.name]) for a, b in matched_pairs(ranked, norm)]
        pairs.sort(key=lambda pair: (pair[1].group, pair[1].seed))
        shown = metrics[metrics["run"].isin(by_name)]
        paired = _optional(evaluated / "paired.csv", PAIRED, _AGAIN)
        baselines = _optional(evaluated / "baselines.csv", BASELINES, _AGAIN)
        recommended = _optional(evaluated / "recommended.csv", RECOMMENDED, _AGAIN)
        notes = _evaluation_note(folder / "evaluate", evaluated)
        notes += _completeness_notes(evaluated, finished, again, runs, metrics, truth)
        return cls(folder, evaluated, study, truth, runs, pairs, shown, paired, baselines, recommended, notes)


_AGAIN = "; 'lmreg evaluate' writes it again"


def _optional(path: Path, columns: Collection[str], remedy: str = "") -> pd.DataFrame | None:
    """Return the table in a file, or None if there is no such file; errors end in ``remedy``."""
    try:
        return read_table(path, columns) if path.exists() else None
    except LmregError as error:
        raise LmregError(f"{error}{remedy}") from None


def _evaluations(folder: Path) -> list[Path]:
    """List the evaluations in ``<study>/evaluate``: itself (a single call), then those of a sweep."""
    return [
        path.parent
        for path in (folder / "metrics.csv", *sorted(folder.glob("*/metrics.csv")))
        if path.exists()
    ]


def _evaluation(folder: Path, name: str | None) -> Path:
    """Return the folder of the evaluation with that name, see `Sources.load`. Raises LmregError if there is
    no such evaluation, or only those of a sweep and no name is given."""
    wanted, names = folder / (name or ""), [path.name for path in _evaluations(folder) if path != folder]
    if name is None and not (folder / "metrics.csv").exists() and names:
        raise LmregError(
            f"the evaluations in {folder} are a sweep's; choose one by evaluation=<name>: {', '.join(names)}"
        )
    if name is not None and name not in names:
        hint = nearest(name, names) if names else f": {folder} has no evaluations of a sweep"
        raise LmregError(f"evaluation={name}{hint}")
    return wanted


def _evaluation_note(folder: Path, shown: Path) -> list[str]:
    """Say which evaluation the page shows, if there are several."""
    others = [path for path in _evaluations(folder) if path != shown]
    if not others:
        return []
    names = [f"evaluate/{path.name}" if path != folder else "evaluate" for path in (shown, *others)]
    return [
        f"This page shows the evaluation in {names[0]}; others are in {', '.join(names[1:])} "
        "(lmreg report evaluation=<name>)."
    ]


def _run(finished: FinishedRun, label: str, group: str, evaluated: Path) -> ReportedRun:
    ranking = _optional(evaluated / f"ranking-{finished.name}.csv", {"arch"})
    training = _optional(finished.folder / "metrics.csv", TRAINING)
    tracking = _optional(finished.folder / "tracking.csv", TRACKING)
    candidates = read_table(finished.folder / "candidates.csv", {"arch"})
    return ReportedRun(finished, label, group, ranking, training, tracking, candidates)


def _completeness_notes(
    evaluated: Path,
    finished: list[FinishedRun],
    again: dict[str, FinishedRun],
    runs: list[ReportedRun],
    metrics: pd.DataFrame,
    truth: Truth,
) -> list[str]:
    """Say which runs are not shown and why, and what else limits the page."""
    folder, written = runs[0].finished.study_folder, (evaluated / "metrics.csv").stat().st_mtime
    notes = [first.repeated_by(name) for name, first in again.items()]
    done = {run.name for run in finished}
    shown = {run.name for run in runs}
    strange = {run.name for run in finished if not truth.fits(run.result["data_hash"])} - shown
    if strange:
        notes.append(
            "Trained on other data or other splits than the landmarks and the pool, so not shown: "
            f"{', '.join(sorted(strange))}."
        )
    if missing := sorted(done - shown - strange):
        notes.append(f"Finished but not evaluated, so not shown: {', '.join(missing)}. Run lmreg evaluate.")
    if gone := sorted(set(metrics["run"].astype(str)) - done - set(again)):
        notes.append(f"Evaluated, but the run no longer exists, so not shown: {', '.join(gone)}.")
    begun = sorted(
        p.parent.name
        for p in folder.glob("search/*/config.yaml")
        if p.parent.name not in done | set(again) and not (p.parent / "result.json").exists()
    )
    if begun:
        notes.append(f"Started but not finished, so not shown: {', '.join(begun)}.")
    if others := [run.name for run in runs if not run.finished.is_of(truth.landmarks)]:
        notes.append(f"Trained with other landmarks than the study has now: {', '.join(others)}.")
    notes += [f"{run.label} is {BUDGET_IN_STEPS}." for run in runs if run.finished.counts_steps]
    for run in runs:
        if "landmarks" in run.finished.config_without():
            count = len(run.finished.result["landmarks"])
            notes.append(
                f"{run.label} added landmarks during training and ended with {count}; "
                "the ridge regressions it is compared with are fitted to all of these."
            )
    stale = [run.name for run in runs if (run.finished.folder / "result.json").stat().st_mtime > written]
    if (folder / "landmarks" / MANIFEST).stat().st_mtime > written:
        notes.append("The landmarks or the pool have been rewritten since the last lmreg evaluate.")
    if noise := truth.pool.noise_note():
        notes.append(f"The truth of the pool is {noise}; no ranking can agree well with it.")
    if stale:
        notes.append(f"Searched again since the last lmreg evaluate: {', '.join(stale)}.")
    return notes
