"""The report: one self-contained HTML page, and the data behind it as CSV files."""

from __future__ import annotations

from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from lmreg.config.build import nearest
from lmreg.errors import LmregError
from lmreg.rank.compare import why_unpaired
from lmreg.rank.finished_run import NO_REGULARISER
from lmreg.report import figures, prediction_pictures, provenance, tables, words
from lmreg.report.advice import advice_in_words, cheap_rankings
from lmreg.report.scatter import in_words
from lmreg.report.sources import Sources
from lmreg.util.files import write_atomically, write_table
from lmreg.util.progress import counted


class Report:
    """The page about a study. Raises LmregError if the task has no such score, or it has not been evaluated.

    Args:
        title: heading of the page; None for the study's name.
        by: the score that is shown first; None for the one that chose the searches' candidates.
    """

    def __init__(self, sources: Sources, title: str | None = None, by: str | None = None):
        self._sources = sources
        self._title = title or sources.study.options.study
        self._scores = _scores(sources, by)
        self._findings = _finding_sections(sources, self._scores[0])

    @property
    def summary(self) -> list[str]:
        """The findings as lines for the terminal."""
        sources = self._sources
        lines = [f"{f.comparison}: {f.verdict}. {f.text}" for f, _ in self._findings]
        why = "" if sources.pairs else f": {why_unpaired([run.finished for run in sources.runs])}"
        return [*self._advice, *(lines or [f"{words.NO_PAIR}{why}."]), *self._worth_training]

    @property
    def _advice(self) -> list[str]:
        """Which ranking to trust."""
        table = self._sources.recommended
        return [] if table is None else advice_in_words(table)

    @property
    def _worth_training(self) -> list[str]:
        """For every super-net, whether it was worth its training by the leading score."""
        paired, by = self._sources.paired, self._scores[0]
        if paired is None:
            return []
        rows = paired[(paired["score"] == by) & (paired["against"] != NO_REGULARISER)]
        return [words.worth_training(group, by) for group in _over_cheap(rows)]

    def write(self, folder: Path) -> list[Path]:
        """Write ``index.html`` and its CSV files into ``folder``; return their paths, the page first."""
        best = tables.best_architectures(self._sources)
        files = tables.csv_tables(self._sources, best)
        for name, table in files.items():
            write_table(folder / name, table)
        for name in set(tables.FILES) - set(files):  # from an earlier report
            (folder / name).unlink(missing_ok=True)
        html = _template().render(self._content(set(files), best))
        write_atomically(folder / "index.html", lambda file: file.write(html.encode()))
        return [folder / "index.html", *(folder / name for name in files)]

    def _content(self, files: set[str], best: list[tables.BestArchitecture]) -> dict[str, Any]:
        """Return the values that the template shows, by name."""
        sources, scores = self._sources, self._scores
        lead, study = scores[0], sources.study
        colours, paired = figures.Colours(sources), sources.paired
        column = in_words(sources.truth.landmarks.column)
        return {
            "title": self._title,
            "study": study.options.study,
            "written": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
            "version": version("lmreg"),
            "notes": sources.notes,
            "files": files,
            "lead": lead,
            "lead_score": study.task.scores[lead],
            "n": int(sources.metrics["n"].max()),
            "advice": self._advice,
            "findings": self._findings,
            "worth_training": self._worth_training,
            "over_cheap": paired is not None and (paired["against"] != NO_REGULARISER).any(),
            "confidence": "" if paired is None else f"{100 * paired['confidence'].iloc[0]:.4g}",
            "left_out": [] if paired is None else words.seeds_left_out(paired),
            "ceiling": tables.ceiling_row(sources),
            "norms": tables.norms(sources),
            "setup": tables.setup(sources),
            "truth": tables.truth_rows(sources),
            "truth_words": in_words(sources.truth.pool.column),
            "pictures": prediction_pictures.picture_columns(sources.folder, column),
            "gains": [(s, figures.gains(sources, s, colours)) for s in scores],
            "taus": [(s, figures.taus(sources, s, colours)) for s in scores],
            "statistics": [(s, tables.statistics(sources, s)) for s in scores],
            "scatter": [(s, figures.scatter_groups(sources, s, colours)) for s in scores],
            "charts": figures.over_training(sources, lead, colours),
            "legend": colours.legend,
            "best": best,
            "best_columns": tables.figure_columns(sources, best),
            "cells": figures.drawn_architectures(sources, best),
            # A colour for every operation, the same in all drawings.
            "operations": {"": 1} | {name: i % 8 for i, name in enumerate(study.space.edge_labels)},
            "differences": provenance.config_differences(sources.runs),
            "protocol": tables.protocol(sources),
            "commands": provenance.reproducing_commands(sources),
            "facts": provenance.facts(sources),
        }


def _template() -> jinja2.Template:
    """Load the page's template. It escapes every value, and a misspelt name in it is an error."""
    loader, undefined = jinja2.FileSystemLoader(Path(__file__).parent / "templates"), jinja2.StrictUndefined
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=undefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(number=words.number, counted=counted, in_words=in_words)
    return environment.get_template("page.html.j2")


def _scores(sources: Sources, by: str | None) -> list[str]:
    """Return the names of the evaluated scores of the task, the leading one first."""
    known = sources.study.task.scores
    lead = by or sources.runs[0].finished.score(sources.study.task)
    if lead not in known:
        raise LmregError(f"score={lead}{nearest(lead, known)}")
    evaluated = set(sources.metrics["score"])
    if lead not in evaluated:
        raise LmregError(f"score={lead} has not been evaluated; choose one of {', '.join(sorted(evaluated))}")
    return [lead, *(name for name in known if name != lead and name in evaluated)]


def _finding_sections(sources: Sources, lead: str) -> list[tuple[words.Finding, list[str]]]:
    """Return the findings of all comparisons by the leading score, each with sentences that compare it with
    the cheap rankings."""
    if sources.paired is None:
        return []
    rows = sources.paired[sources.paired["score"] == lead]
    plain, cheap = rows[rows["against"] == NO_REGULARISER], rows[rows["against"] != NO_REGULARISER]
    found = []
    for name, group in plain.groupby("comparison"):
        sentences = [words.worth_training(some, lead) for some in _over_cheap(cheap, str(name))]
        if sources.baselines is not None:
            sentences.append(cheap_rankings(tables.shared_cheap_rankings(sources.baselines)))
        found.append((words.finding(group, lead), sentences))
    return found


def _over_cheap(rows: pd.DataFrame, name: str | None = None) -> list[pd.DataFrame]:
    """Split ``rows`` into the comparisons with a cheap ranking: of all runs, or of those called ``name``."""
    groups = [group for _, group in rows.groupby("comparison", sort=False)]
    whose = [str(g["comparison"].iloc[0]).removesuffix(f" over {g['against'].iloc[0]}") for g in groups]
    return [group for group, runs in zip(groups, whose, strict=True) if name in (None, runs)]
