"""Helpers that take landmarks and pool from a table in a single call."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from lmreg.experiment.study import Study
from lmreg.landmarks.table import Config, TableSource
from lmreg.landmarks.truth import GatheredScores, Truth
from lmreg.selector.base import Selector
from lmreg.selector.random import Config as RandomConfig
from lmreg.selector.random import RandomSelector


def config(path: Path, **options: object) -> Config:
    given = {"arch_column": "cell", "score_column": "valid", "pool_column": "test", "count": 5, "pool": 9}
    return Config(path=str(path), **given | options)  # type: ignore[arg-type]


def gather(study: Study, source: TableSource, selector: Selector | None = None) -> GatheredScores:
    return source.gather(study, selector or RandomSelector(RandomConfig()), Path("unused"), workers=1)


def save(path: Path, study: Study, source: TableSource, selector: Selector | None = None) -> Truth:
    scored = gather(study, source, selector)
    about = source.origin(study) | scored.about
    dataclasses.replace(scored, about=about).save(path, study.space)
    return Truth.load(path, study.space)
