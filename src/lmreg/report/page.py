"""The report: one self-contained HTML page, and the tables behind it as CSV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2

from lmreg.config.build import nearest
from lmreg.errors import LmregError
from lmreg.files import write_atomically, write_table
from lmreg.report import figures, provenance, tables, words
from lmreg.report.scatter import in_words
from lmreg.report.sources import Sources


@dataclass(frozen=True)
class Score:
    """A score by which super-nets rank: its name, column and that in words."""

    name: str
    column: str
    in_words: str
    falls: bool


def write_report(sources: Sources, folder: Path, title: str | None, by: str | None) -> list[Path]:
    """Write ``index.html`` and its CSVs into ``folder``; the paths written, the page first.

    Args:
        title: the page's heading; None: the study's name.
        by: the score that leads; None: the one that chose the searches' candidates.
    """
    scores = _scores(sources, by)
    behind = tables.behind(sources)
    for name, table in behind.items():
        write_table(folder / name, table)
    for stale in {p.name for p in folder.glob("*.csv")} - set(behind):  # of an earlier report
        (folder / stale).unlink()
    html = _template().render(_content(sources, scores, title, set(behind)))
    write_atomically(folder / "index.html", lambda file: file.write(html.encode()))
    return [folder / "index.html", *(folder / name for name in behind)]


def _template() -> jinja2.Template:
    """The page's template: everything put into it is escaped, and a misspelt name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    formats: dict[str, Callable[..., str]] = {
        "number": words.number,
        "counted": words.counted,
        "in_words": in_words,
    }
    environment.filters.update(formats)
    return environment.get_template("page.html.j2")


def _scores(sources: Sources, by: str | None) -> list[Score]:
    """The task's scores, the leading one first."""
    known = sources.study.task.scores
    chosen = sources.runs[0].finished.result["chosen_by"]
    lead = by or next((name for name, score in known.items() if score.column == chosen), next(iter(known)))
    if lead not in known:
        raise LmregError(f"score={lead}{nearest(lead, known)}")
    evaluated = set(sources.metrics["score"])
    if lead not in evaluated:
        raise LmregError(f"score={lead}: not evaluated; 'lmreg evaluate' has {', '.join(sorted(evaluated))}")
    names = [lead, *(name for name in known if name != lead and name in evaluated)]
    return [
        Score(n, known[n].column, in_words(known[n].column), not known[n].higher_is_better) for n in names
    ]


def _content(sources: Sources, scores: list[Score], title: str | None, files: set[str]) -> dict[str, Any]:
    lead, study = scores[0], sources.study
    colours = figures.Colours(sources)
    best = tables.best(sources)
    return {
        "title": title or study.options.study,
        "study": study.options.study,
        "written": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "version": version("lmreg"),
        "notes": sources.notes,
        "files": files,
        "lead": lead,
        "scores": scores,
        "n": int(sources.metrics["n"].max()),
        "findings": _findings(sources, lead),
        "setup": tables.setup(sources),
        "truth": tables.truth(sources),
        "truth_words": in_words(sources.truth.pool.column),
        "gains": [(s, figures.gains(sources, s.name, colours)) for s in scores],
        "taus": [(s, figures.taus(sources, s.name, colours)) for s in scores],
        "statistics": [(s, tables.statistics(sources, s.name)) for s in scores],
        "scatter": [(s, figures.scatter(sources, s, colours)) for s in scores],
        "charts": figures.over_training(sources, lead.name, colours),
        "legend": colours.legend,
        "best": best,
        "cells": figures.cells(sources, best),
        "operations": figures.operations(sources),
        "differences": provenance.differences(sources.runs),
        "protocol": tables.protocol(sources),
        "commands": provenance.commands(sources),
        "facts": provenance.facts(sources),
    }


def _findings(sources: Sources, lead: Score) -> list[dict[str, Any]]:
    """What each comparison tells by the leading score, baselines beside it."""
    if sources.paired is None:
        return []
    rows = sources.paired[sources.paired["score"] == lead.name]
    found = []
    for _, group in rows.groupby("comparison", sort=False):
        finding = words.finding(group, lead.name)
        ridge = ""
        if sources.baselines is not None:
            taus = tables.taus_of_baselines(sources.baselines, lead.name)
            means = group[group["seed"].astype(str) == "mean"]
            ridge = words.against_baseline(taus, (means if len(means) else group)["tau_with"].iloc[0])
        found.append({"finding": finding, "ridge": ridge})
    return found


def summary(sources: Sources, by: str | None) -> list[str]:
    """The findings as lines for the terminal."""
    lead = _scores(sources, by)[0]
    lines = [
        f"{f['finding'].comparison}: {f['finding'].verdict}. {f['finding'].text}"
        for f in _findings(sources, lead)
    ]
    return lines or ["No pair of runs with and without the regulariser to compare."]


