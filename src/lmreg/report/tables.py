"""The tables of the page, and the CSV files that hold the data behind it."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import OmegaConf

from lmreg.rank.ceiling import CEILING, TRUTH_SEEDS
from lmreg.rank.prediction import WITH_SUPER_NET
from lmreg.report import words
from lmreg.report.scatter import in_words
from lmreg.report.sources import ReportedRun, Sources
from lmreg.space.base import Arch
from lmreg.space.isomorphism import IsomorphismIndex
from lmreg.strategy.problem import DISCRETISED


@dataclass(frozen=True)
class BestArchitecture:
    """An architecture that a run has found.

    Attributes:
        learned: whether the algorithm itself learned it, rather than the super-net's scores putting it first.
        figures: super-net scores and sizes by column of ``candidates.csv``.
        truth: its stand-alone score in words; empty if the study doesn't know it.
    """

    run: ReportedRun
    learned: bool
    arch: Arch
    text: str
    figures: dict[str, float]
    truth: str

    @property
    def label(self) -> str:
        return self.run.label + (", learned" if self.learned else "")


def best_architectures(sources: Sources) -> list[BestArchitecture]:
    """Return for every run its search's first candidate, and the learned one if that is another."""
    space = sources.study.space
    known, truths = IsomorphismIndex(space, [*sources.truth.landmarks.archs, *sources.truth.pool.archs]), []
    for members, remark in ((sources.truth.landmarks, ", a landmark"), (sources.truth.pool, "")):
        scores = zip(members.scores, members.errors, strict=True)
        truths += [_with_error(score, error) + remark for score, error in scores]
    found = []
    for run in sources.runs:
        own = run.finished.landmarks(space, sources.truth.landmarks)
        added = zip(own.archs, own.scores, strict=True) if own else ()
        mine = {space.canonical(a): f"{words.number(s, 2)}, a landmark of this run" for a, s in added}
        learned = run.candidates.get("origin") == DISCRETISED
        shown = run.candidates[learned | (run.candidates.index == 0)]
        for place, (index, row) in enumerate(zip(shown.index, shown.to_dict("records"), strict=True)):
            text, file = str(row.pop("arch")), run.finished.folder / "candidates.csv"
            arch = space.read(text, f"{file}, row {int(index) + 2}, column 'arch'")
            figures = {str(k): v for k, v in row.items() if isinstance(v, int | float)}
            last_known = known.isomorphic_to(arch)[-1:]
            truth = truths[last_known[0]] if last_known else mine.get(space.canonical(arch), "")
            found.append(BestArchitecture(run, place > 0, arch, text, figures, truth))
    return found


def norms(sources: Sources) -> str:
    """Return the batch-norm policies by which the runs were scored, as far as they are recorded."""
    recorded = sources.metrics.get("norm", pd.Series(dtype=str)).dropna()
    return ", ".join(sorted(set(recorded.astype(str))))


def figure_columns(sources: Sources, found: list[BestArchitecture]) -> list[tuple[str, str, int]]:
    """Return (name, heading, digits) of the figures that all of ``found`` have, scores first, then sizes."""
    scores = [score.column for score in sources.study.task.scores.values()]
    headings = {name: in_words(name) for name in scores} | {k: words.BASELINES[k] for k in ("params", "macs")}
    digits = {name: 2 if name.endswith("_percent") else 3 for name in scores}
    there = [name for name in headings if all(name in b.figures for b in found)]
    return [(name, headings[name], digits.get(name, 0)) for name in there]


def _with_error(score: float, error: float) -> str:
    return words.number(score, 2) + (f" ± {words.number(error, 2)}" if math.isfinite(error) else "")


def ceiling_row(sources: Sources) -> dict[str, Any] | None:
    """Return the row of ``baselines.csv`` with the ceiling, a perfect ranking's tau; None if unknown."""
    if sources.baselines is None:
        return None
    rows = sources.baselines[sources.baselines["baseline"] == CEILING]
    return None if rows.empty else words.records(rows)[0]


def shared_cheap_rankings(baselines: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with Kendall's tau of the cheap rankings that all runs share."""
    others = baselines["baseline"].isin([CEILING, TRUTH_SEEDS, WITH_SUPER_NET])
    return baselines[baselines["run"].isna() & ~others & (baselines["statistic"] == "kendall_tau")]


def taus_of_baselines(baselines: pd.DataFrame, score: str) -> pd.DataFrame:
    """Return the rows with Kendall's tau of the baselines that use no super-net score or use ``score``."""
    mine = baselines["score"].isna() | (baselines["score"].astype(str) == score)
    return baselines[mine & (baselines["statistic"] == "kendall_tau")]


@dataclass(frozen=True)
class Statistics:
    """A table of statistics.

    Attributes:
        columns: (description, note on n if that isn't the pool's).
        rows: (run, its cells); a cell is (value, interval).
    """

    columns: list[tuple[words.Statistic, str]]
    rows: list[tuple[ReportedRun, list[tuple[str, str]]]]


def statistics(sources: Sources, score: str) -> Statistics:
    """Return every statistic of every run by one score."""
    mine = sources.metrics[sources.metrics["score"] == score]
    there = list(dict.fromkeys(mine["statistic"]))
    names = [n for n in words.STATISTICS if n in there] + [n for n in there if n not in words.STATISTICS]
    rows = []
    for run in sources.runs:
        by_name = {r["statistic"]: r for r in mine[mine["run"] == run.name].to_dict("records")}
        cells = [_statistic_cell(by_name.get(name), words.statistic(name).digits) for name in names]
        rows.append((run, cells))
    whole = mine["n"].max()
    smaller = {n: sorted(set(some["n"]) - {whole}) for n, some in mine.groupby("statistic")}
    notes = [f"n = {', '.join(f'{n:,}' for n in smaller[name])}" if smaller[name] else "" for name in names]
    return Statistics([(words.statistic(name), note) for name, note in zip(names, notes, strict=True)], rows)


def _statistic_cell(row: dict[str, Any] | None, digits: int) -> tuple[str, str]:
    if row is None:
        return words.NOTHING, ""
    return words.number(row["value"], digits), words.interval(row["low"], row["high"], digits)


def setup(sources: Sources) -> dict[str, Any]:
    """Return what was ranked and what it is compared with, by name in the template."""
    manifest, study = sources.truth.manifest, sources.study
    trainings = manifest.get("trainings_per_architecture", {})
    return {
        "space": study.space.name,
        "size": study.space.size,
        "data": sources.runs[0].finished.cfg.data.name,
        "landmarks": len(sources.truth.landmarks.archs),
        "from_table": Path(manifest["table"]).name if "table" in manifest else None,
        "trainings": trainings.get("pool"),
        "split": manifest.get("splits", {}).get("pool"),
    }


def truth_rows(sources: Sources) -> list[dict[str, Any]]:
    """Return what describes the landmarks and the pool, by name in the template; ``scores`` are the worst,
    the median and the best."""
    manifest, truth, rows = sources.truth.manifest, sources.truth, []
    for role, name, members in (
        ("landmarks", "landmarks", truth.landmarks),
        ("pool", "held-out pool", truth.pool),
    ):
        scores = members.scores
        about = {"role": name, "count": len(scores), "score": in_words(members.column)}
        about["split"] = manifest.get("splits", {}).get(role, "")
        about["trainings"] = manifest.get("trainings_per_architecture", {}).get(role, "")
        about["scores"] = [words.number(f, 2) for f in (scores[-1], np.median(scores), scores[0])]
        about["error"] = words.number(pd.Series(members.errors).median(), 2)  # without the unknown ones
        rows.append(about)
    return rows


def protocol(sources: Sources) -> str:
    """Return the landmarks' manifest as YAML."""
    return OmegaConf.to_yaml(OmegaConf.create(sources.truth.manifest))


FILES = (
    *("statistics.csv", "gains.csv", "baselines.csv", "recommended.csv"),
    *("scores.csv", "tracking.csv", "training.csv", "best.csv"),
)


def csv_tables(sources: Sources, best: list[BestArchitecture]) -> dict[str, pd.DataFrame]:
    """Return the tables from which the page is made, by file name."""
    stack = functools.partial(_stacked, sources.runs)
    made = (
        *(sources.metrics, sources.paired, sources.baselines, sources.recommended),
        *(stack("ranking"), stack("tracking"), stack("training")),
        pd.DataFrame([_best_row(item) for item in best]),
    )
    return {name: table for name, table in zip(FILES, made, strict=True) if table is not None}


def _stacked(runs: list[ReportedRun], part: str) -> pd.DataFrame | None:
    """Concatenate one table of all runs that have it, with the run's name and label in front."""
    frames = []
    for run, table in ((run, getattr(run, part)) for run in runs):
        if table is not None:
            about = pd.DataFrame({"run": run.name, "label": run.label}, index=table.index)
            frames.append(pd.concat([about, table], axis=1))
    return pd.concat(frames, ignore_index=True) if frames else None


def _best_row(item: BestArchitecture) -> dict[str, Any]:
    result = item.run.finished.result
    row: dict[str, Any] = {"run": item.run.name, "label": item.label, "learned": item.learned}
    row |= {key: result[key] for key in ("algo", "reg", "seed")}
    row |= {"arch": item.text, **item.figures, "truth": item.truth}
    return row | {key: result.get(key) for key in ("train_seconds_this_session", "search_seconds", "device")}
