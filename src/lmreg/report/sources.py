"""What a report is made from: everything that the other commands have left in a study's folder."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lmreg.config.build import nearest
from lmreg.errors import LmregError
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.truth import MANIFEST, Truth
from lmreg.rank.compare import BASELINE, pairs_of
from lmreg.rank.finished_run import BUDGET_IN_STEPS, FinishedRun, distinct, finished_runs, shared_overrides
from lmreg.util.files import read_table

METRICS = {"run", "label", "score", "statistic", "value", "low", "high", "n", "norm", "ceiling"}
PAIRED = {
    *("comparison", "score", "seed", "tau_without", "tau_with", "against", "rivals", "left_out"),
    *("gain", "gain_low", "gain_high", "gain_pool_low", "gain_pool_high"),
    *("p_value", "p_holm", "confidence", "n", "seeds"),
}
BASELINES = {"baseline", "run", "label", "score", "statistic", "value", "low", "high", "n", "ceiling"}
TRAINING = {"step", "epoch"}
Read = Callable[[Path, Collection[str]], pd.DataFrame]
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
    """A study's results, those of ``evaluate`` from the folder ``evaluation``.

    ``pairs`` are (without, with the regulariser), equal in all else.
    """

    folder: Path
    evaluation: Path
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
    def load(cls, options: Options, evaluation: str | None = None) -> Sources:
        """Read the study's folder.

        Args:
            evaluation: which of several that a sweep over options of ``evaluate`` has left, by its folder's
                name; None for the one that a single call leaves.

        Raises:
            LmregError: there is nothing to report yet, or a file is not what it should be.
        """
        folder = Path(options.root) / options.study
        finished, again = distinct(finished_runs(folder))
        evaluated = _evaluation(folder / "evaluate", evaluation)
        metrics = _metrics(evaluated / "metrics.csv")
        study = Study(finished[0].cfg, options)
        truth = Truth.load(folder / "landmarks", study.space)
        ranked = [run for run in finished if run.name in set(metrics["run"])]
        if not ranked:
            raise LmregError(f"{folder} has no results of its present searches; 'lmreg evaluate' makes them")
        shared = shared_overrides(finished)
        labels = dict(zip(metrics["run"], metrics["label"].astype(str), strict=True))
        runs = [_run(run, labels[run.name], run.label(shared, seed=False), evaluated) for run in ranked]
        by_name = {run.name: run for run in runs}
        runs.sort(key=lambda r: (r.finished.result["algo"], r.regularised, r.group, r.seed))
        norms = set(metrics["norm"])  # one for all, where evaluate was given it
        norm = str(min(norms)) if len(norms) == 1 else None
        pairs = [(by_name[a.name], by_name[b.name]) for a, b in pairs_of(ranked, norm)]
        pairs.sort(key=lambda pair: (pair[1].group, pair[1].seed))
        return cls(
            folder,
            evaluated,
            study,
            truth,
            runs,
            pairs,
            metrics[metrics["run"].isin(by_name)],
            _optional(evaluated / "paired.csv", PAIRED, _of_evaluation),
            _optional(evaluated / "baselines.csv", BASELINES, _of_evaluation),
            [
                *_of_others(folder / "evaluate", evaluated),
                *_notes(evaluated, finished, again, runs, metrics, truth),
            ],
        )


def _metrics(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise LmregError(
            f"no evaluation in {path.parent}; 'lmreg evaluate' makes it (give it the same root and study)"
        )
    return _of_evaluation(path, METRICS)


def _of_evaluation(path: Path, columns: Collection[str]) -> pd.DataFrame:
    try:
        return read_table(path, columns)
    except LmregError as error:
        raise LmregError(f"{error}; 'lmreg evaluate' writes it again") from None


def _optional(path: Path, columns: Collection[str], read: Read = read_table) -> pd.DataFrame | None:
    return read(path, columns) if path.exists() else None


def _evaluations(folder: Path) -> list[Path]:
    """What there is in ``<study>/evaluate``: of a single call the folder itself, of a sweep those inside."""
    return [
        path.parent
        for path in (folder / "metrics.csv", *sorted(folder.glob("*/metrics.csv")))
        if path.exists()
    ]


def _evaluation(folder: Path, name: str | None) -> Path:
    """The evaluation of that name.

    Raises:
        LmregError: there is none such.
    """
    wanted, names = folder / (name or ""), [path.name for path in _evaluations(folder) if path != folder]
    if name is None and not (folder / "metrics.csv").exists() and names:
        raise LmregError(
            f"the evaluations in {folder} are of a sweep; pass evaluation=<name>: {', '.join(names)}"
        )
    if name is not None and name not in names:
        raise LmregError(
            f"evaluation={name}{nearest(name, names) if names else f': {folder} has none but its own'}"
        )
    return wanted


def _of_others(folder: Path, shown: Path) -> list[str]:
    """Which evaluation the page shows, where there are several."""
    others = [path for path in _evaluations(folder) if path != shown]
    if not others:
        return []
    names = [f"evaluate/{path.name}" if path != folder else "evaluate" for path in (shown, *others)]
    return [
        f"This page shows the evaluation in {names[0]}; there are also {', '.join(names[1:])} "
        "(lmreg report evaluation=<name>)."
    ]


def _run(finished: FinishedRun, label: str, group: str, evaluated: Path) -> Run:
    ranking = _optional(evaluated / f"ranking-{finished.name}.csv", {"arch"})
    training = _optional(finished.folder / "metrics.csv", TRAINING)
    tracking = _optional(finished.folder / "tracking.csv", TRACKING)
    candidates = read_table(finished.folder / "candidates.csv", {"arch"})
    return Run(finished, label, group, ranking, training, tracking, candidates)


def _notes(
    evaluated: Path,
    finished: list[FinishedRun],
    again: dict[str, FinishedRun],
    runs: list[Run],
    metrics: pd.DataFrame,
    truth: Truth,
) -> list[str]:
    """What a reader must know about the completeness of the page."""
    folder, written = runs[0].finished.study_folder, (evaluated / "metrics.csv").stat().st_mtime
    notes = [
        f"{name} is {first.name} again (the same configuration, seed and data): counted once."
        for name, first in again.items()
    ]
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
        notes.append(f"Evaluated, but the run is no longer there, so not shown: {', '.join(gone)}.")
    if begun := sorted(
        p.parent.name for p in folder.glob("search/*/config.yaml") if p.parent.name not in done | set(again)
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
                "ridge regressions beside it are fitted to all of these."
            )
    stale = [run.name for run in runs if (run.finished.folder / "result.json").stat().st_mtime > written]
    if (folder / "landmarks" / MANIFEST).stat().st_mtime > written:
        notes.append("The landmarks or the pool were written again since the last lmreg evaluate.")
    if noise := truth.pool.noise_note():
        notes.append(f"The truth of the pool is {noise}; no ranking can agree well with it.")
    if stale:
        notes.append(f"Searched again since the last lmreg evaluate: {', '.join(stale)}.")
    return notes
