"""What a report is made from: everything that the other commands have left in a study's folder."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lmreg.errors import LmregError
from lmreg.files import read_table
from lmreg.rank.compare import BASELINE, pairs_of
from lmreg.rank.finished import BUDGET_IN_STEPS, FinishedRun, finished_runs, shared_overrides
from lmreg.study import Options, Study
from lmreg.truth import MANIFEST, Truth

METRICS = {"run", "label", "score", "statistic", "value", "low", "high", "n"}
PAIRED = {
    *("comparison", "score", "seed", "tau_without", "tau_with"),
    *("gain", "gain_low", "gain_high", "p_value", "n", "seeds"),
}
BASELINES = {"baseline", "run", "label", "score", "statistic", "value", "low", "high", "n"}
TRAINING = {"step", "epoch"}
TRACKING = {"step", "epoch", "set", "score", "kendall_tau", "n"}


@dataclass(frozen=True)
class Run:
    """A ranked run: what the search left, and ``group``, its label without the seed."""

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
        return self.finished.result["reg"] != BASELINE


@dataclass(frozen=True)
class Sources:
    """A study's results. ``pairs`` are (without, with the regulariser), equal in all else."""

    folder: Path
    study: Study
    truth: Truth
    runs: list[Run]
    pairs: list[tuple[Run, Run]]
    metrics: pd.DataFrame
    paired: pd.DataFrame | None
    baselines: pd.DataFrame | None
    notes: list[str]

    @property
    def groups(self) -> list[str]:
        """The runs' groups, each once: those without a regulariser first."""
        return list(dict.fromkeys(r.group for r in sorted(self.runs, key=lambda r: r.regularised)))

    @classmethod
    def load(cls, options: Options) -> Sources:
        """Read the study's folder.

        Raises:
            LmregError: there is nothing to report yet, or a file is not what it should be.
        """
        folder = Path(options.root) / options.study
        finished = finished_runs(folder)
        metrics = _metrics(folder / "evaluate" / "metrics.csv")
        study = Study(finished[0].cfg, options)
        truth = Truth.load(folder / "landmarks", study.space)
        ranked = [run for run in finished if run.name in set(metrics["run"])]
        if not ranked:
            raise LmregError(f"{folder} has no results of its present searches; 'lmreg evaluate' makes them")
        shared = shared_overrides(finished)
        labels = dict(zip(metrics["run"], metrics["label"].astype(str), strict=True))
        runs = [_run(run, labels[run.name], run.label(shared, seed=False), folder) for run in ranked]
        by_name = {run.name: run for run in runs}
        runs.sort(key=lambda r: (r.finished.result["algo"], r.regularised, r.group, r.seed))
        pairs = [(by_name[a.name], by_name[b.name]) for a, b in pairs_of(ranked)]
        pairs.sort(key=lambda pair: (pair[1].group, pair[1].seed))
        return cls(
            folder,
            study,
            truth,
            runs,
            pairs,
            metrics[metrics["run"].isin(by_name)],
            _paired(folder / "evaluate" / "paired.csv"),
            _optional(folder / "evaluate" / "baselines.csv", BASELINES),
            list(_notes(folder, finished, runs, metrics, truth)),
        )


def _metrics(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise LmregError(
            f"no evaluation in {path.parent}; 'lmreg evaluate' makes it (give it the same root and study)"
        )
    try:
        return read_table(path, METRICS)
    except LmregError as error:
        raise LmregError(f"{error}; 'lmreg evaluate' writes it again") from None


def _optional(path: Path, columns: Collection[str]) -> pd.DataFrame | None:
    return read_table(path, columns) if path.exists() else None


def _paired(path: Path) -> pd.DataFrame | None:
    """Gains by the regulariser (``against`` is none) and over ridge regression."""
    table = _optional(path, PAIRED)
    return table if table is None or "against" in table else table.assign(against=BASELINE)


def _run(finished: FinishedRun, label: str, group: str, folder: Path) -> Run:
    ranking = _optional(folder / "evaluate" / f"ranking-{finished.name}.csv", {"arch"})
    training = _optional(finished.folder / "metrics.csv", TRAINING)
    tracking = _optional(finished.folder / "tracking.csv", TRACKING)
    candidates = read_table(finished.folder / "candidates.csv", {"arch"})
    return Run(finished, label, group, ranking, training, tracking, candidates)


def _notes(
    folder: Path, finished: list[FinishedRun], runs: list[Run], metrics: pd.DataFrame, truth: Truth
) -> list[str]:
    """What a reader must know about the completeness of the page."""
    notes = []
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
    if gone := sorted(set(metrics["run"].astype(str)) - done):
        notes.append(f"Evaluated, but the run is no longer there, so not shown: {', '.join(gone)}.")
    if begun := sorted(
        p.parent.name for p in folder.glob("search/*/config.yaml") if p.parent.name not in done
    ):
        notes.append(f"Begun but not finished, so not shown: {', '.join(begun)}.")
    others = [
        run.name
        for run in runs
        if run.finished.cfg.get("landmarks_hash", truth.landmarks.hash) != truth.landmarks.hash
    ]
    if others:
        notes.append(f"Trained with other landmarks than the study has now: {', '.join(others)}.")
    notes += [f"{run.label} is {BUDGET_IN_STEPS}." for run in runs if run.finished.counts_steps]
    for run in runs:
        if "landmarks" in run.finished.config_without():
            count = len(run.finished.result["landmarks"])
            notes.append(
                f"{run.label} added landmarks while it trained and had {count} in the end; "
                "ridge regression on the same landmarks is fitted to all of these."
            )
    stale = [
        run.name
        for run in runs
        if (run.finished.folder / "result.json").stat().st_mtime
        > (folder / "evaluate" / "metrics.csv").stat().st_mtime
    ]
    evaluated = (folder / "evaluate" / "metrics.csv").stat().st_mtime
    if (folder / "landmarks" / MANIFEST).stat().st_mtime > evaluated:
        notes.append("The landmarks or the pool were written again since the last lmreg evaluate.")
    if noise := truth.pool.noise_note():
        notes.append(f"The truth of the pool is {noise}; no ranking can agree well with it.")
    if stale:
        notes.append(f"Searched again since the last lmreg evaluate: {', '.join(stale)}.")
    return notes
