"""``lmreg report``: write one HTML page about a study, from the results of the other commands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from lmreg.commands.options import job_folder
from lmreg.config.build import top_level
from lmreg.config.common import Options
from lmreg.config.schema import option
from lmreg.experiment.runtime import Runtime
from lmreg.report.page import Report
from lmreg.report.sources import Sources
from lmreg.util.progress import say


@dataclass
class ReportOptions(Options):
    title: str | None = option(None, text="whole", help="heading of the page; null: the study's name")
    evaluation: str | None = option(
        None,
        help="which of several evaluations that a sweep left in <study>/evaluate; null: the one in evaluate/ "
        "itself",
    )
    score: str | None = option(
        None, help="super-net score that leads, such as loss; null: the one that searched"
    )


def report(cfg: DictConfig, overrides: list[str]) -> Path:
    """Write the report as ``cfg`` says; return the page's path."""
    options = top_level(cfg, ReportOptions)
    with Runtime.of(options).applied():
        sources = Sources.load(options, options.evaluation)
        page = Report(sources, options.title, options.score)
        written = page.write(job_folder(sources.folder / "report", ReportOptions))
    for line in [*page.summary, *(f"Note: {note}" for note in sources.notes)]:
        say(line)
    size = written[0].stat().st_size / 1000
    say(f"Written: {written[0]} ({size:,.0f} kB), and the tables behind it: {len(written) - 1} CSV files")
    return written[0]
