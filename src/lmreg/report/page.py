"""The report: one self-contained HTML page, and the tables behind it as CSV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from lmreg.config.build import nearest
from lmreg.errors import LmregError
from lmreg.rank.compare import BASELINE, unpaired
from lmreg.report import figures, pictures, provenance, tables, words
from lmreg.report.scatter import in_words
from lmreg.report.sources import Sources
from lmreg.util.files import write_atomically, write_table


@dataclass(frozen=True)
class Score:
    """A score by which super-nets rank: its name, column and that in words."""

    name: str
    column: str
    in_words: str
    falls: bool


@dataclass(frozen=True)
class Found:
    """A comparison's finding, and sentences on rankings that need no super-net."""

    finding: words.Finding
    beside: list[str]


class Report:
    """The page about a study.

    Args:
        title: the page's heading; None: the study's name.
        by: the score that leads; None: the one that chose the searches' candidates.

    Raises:
        LmregError: no such score, or it has not been evaluated.
    """

    def __init__(self, sources: Sources, title: str | None = None, by: str | None = None):
        self._sources = sources
        self._title = title or sources.study.options.study
        self._scores = _scores(sources, by)
        self._found = _findings(sources, self._scores[0])

    @property
    def summary(self) -> list[str]:
        """The findings as lines for the terminal."""
        findings = [found.finding for found in self._found]
        lines = [f"{f.comparison}: {f.verdict}. {f.text}" for f in findings]
        sources = self._sources
        why = "" if sources.pairs else f": {unpaired([run.finished for run in sources.runs])}"
        lines = lines or [f"{words.NO_PAIR}{why}."]
        return [*lines, *self._earned]

    @property
    def _earned(self) -> list[str]:
        """Of every super-net by the leading score, whether it has earned its training."""
        paired, by = self._sources.paired, self._scores[0].name
        if paired is None:
            return []
        rows = paired[(paired["score"] == by) & (paired["against"] != BASELINE)]
        return [words.earned(group, by) for group in _over_cheap(rows)]

    def write(self, folder: Path) -> list[Path]:
        """Write ``index.html`` and its CSVs into ``folder``; the paths written, the page first."""
        behind = tables.behind(self._sources)
        for name, table in behind.items():
            write_table(folder / name, table)
        for name in set(tables.FILES) - set(behind):  # of an earlier report
            (folder / name).unlink(missing_ok=True)
        html = _template().render(self._content(set(behind)))
        write_atomically(folder / "index.html", lambda file: file.write(html.encode()))
        return [folder / "index.html", *(folder / name for name in behind)]

    def _content(self, files: set[str]) -> dict[str, Any]:
        """What the template shows, by name."""
        sources, scores = self._sources, self._scores
        lead, study = scores[0], sources.study
        colours = figures.Colours(sources)
        best = tables.best(sources)
        paired = sources.paired
        return {
            "title": self._title,
            "study": study.options.study,
            "written": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
            "version": version("lmreg"),
            "notes": sources.notes,
            "files": files,
            "lead": lead,
            "n": int(sources.metrics["n"].max()),
            "findings": self._found,
            "earned": self._earned,
            "over_cheap": paired is not None and (paired["against"] != BASELINE).any(),
            "confidence": "" if paired is None else f"{100 * paired['confidence'].iloc[0]:.4g}",
            "left_out": [] if paired is None else words.seeds_left_out(paired),
            "ceiling": tables.ceiling(sources),
            "norms": tables.norms(sources),
            "setup": tables.setup(sources),
            "truth": tables.truth(sources),
            "truth_words": in_words(sources.truth.pool.column),
            "pictures": pictures.columns(sources.folder, in_words(sources.truth.landmarks.column)),
            "gains": [(s, figures.gains(sources, s.name, colours)) for s in scores],
            "taus": [(s, figures.taus(sources, s.name, colours)) for s in scores],
            "statistics": [(s, tables.statistics(sources, s.name)) for s in scores],
            "scatter": [(s, figures.scatter(sources, s, colours)) for s in scores],
            "charts": figures.over_training(sources, lead.name, colours),
            "legend": colours.legend,
            "best": best,
            "best_columns": tables.columns(sources, best),
            "cells": figures.cells(sources, best),
            "operations": figures.operations(sources),
            "differences": provenance.differences(sources.runs),
            "protocol": tables.protocol(sources),
            "commands": provenance.commands(sources),
            "facts": provenance.facts(sources),
        }


def _template() -> jinja2.Template:
    """The page's template: everything put into it is escaped, and a misspelt name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    formats: dict[str, Callable[..., str]] = {"number": words.number, "counted": words.counted}
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


def _findings(sources: Sources, lead: Score) -> list[Found]:
    """What each comparison tells by the leading score."""
    if sources.paired is None:
        return []
    rows = sources.paired[sources.paired["score"] == lead.name]
    plain, cheap = rows[rows["against"] == BASELINE], rows[rows["against"] != BASELINE]
    found = []
    for name, group in plain.groupby("comparison"):
        beside = [words.earned(some, lead.name) for some in _over_cheap(cheap, str(name))]
        if sources.baselines is not None:
            beside.append(words.cheap_rankings(tables.cheap(sources.baselines)))
        found.append(Found(words.finding(group, lead.name), beside))
    return found


def _over_cheap(rows: pd.DataFrame, name: str | None = None) -> list[pd.DataFrame]:
    """The comparisons with a cheap ranking, of the runs of that name or of all."""
    groups = [group for _, group in rows.groupby("comparison", sort=False)]
    whose = [str(g["comparison"].iloc[0]).removesuffix(f" over {g['against'].iloc[0]}") for g in groups]
    return [group for group, runs in zip(groups, whose, strict=True) if name in (None, runs)]
