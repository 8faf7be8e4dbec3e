"""``lmreg report``: one HTML page about a study, from what the other commands have left."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import DictConfig

from lmreg.commands.options import top_level
from lmreg.config.schema import option
from lmreg.report.page import summary, write_report
from lmreg.report.sources import Sources
from lmreg.study import Options


@dataclass
class ReportOptions(Options):
    title: str | None = option(None, help="heading of the page; null: the study's name")
    score: str | None = option(None, help="the score that leads, such as loss; null: the one that searched")


def run(cfg: DictConfig) -> None:
    """The command; ``cfg`` is composed from ``conf/report.yaml``."""
    options = top_level(cfg, ReportOptions)
    sources = Sources.load(options)
    written = write_report(sources, sources.folder / "report", options.title, options.score)
    for line in [*summary(sources, options.score), *(f"Note: {note}" for note in sources.notes)]:
        print(line)
    print(f"Written: {written[0]} ({written[0].stat().st_size / 1e3:,.0f} kB) and {len(written) - 1} CSV files")
