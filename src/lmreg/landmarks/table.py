"""Landmarks and pool from a benchmark's table of stand-alone scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.files import file_hash, read_table
from lmreg.landmarks.base import Draw, LandmarkSource, Scored, SourceConfig, draw_roles
from lmreg.space.base import Arch
from lmreg.study import Study


@dataclass
class Config(SourceConfig):
    pool: int = option(600, min=2, help="P, the number of held-out architectures that `evaluate` ranks")
    path: str | None = option(None, help="CSV file with one row per architecture; may be a part of the space")
    arch_column: str = option("arch", help="column with the architecture's text form")
    score_column: str = option("accuracy", help="column that orders the landmarks (a validation score)")
    pool_column: str | None = option(
        None, help="column with the truth of the pool (a test score); null: as score"
    )
    higher_is_better: bool = option(True, help="false for losses and errors")


class TableSource(LandmarkSource):
    """Looks scores up; rows without the needed score are passed over."""

    def __init__(self, config: Config):
        self.config = config

    @property
    def _path(self) -> Path:
        if self.config.path is None:
            raise LmregError("landmarks=table needs landmarks.path=<csv file>")
        return Path(self.config.path)

    @property
    def _columns(self) -> dict[str, str]:
        config = self.config
        return {"landmarks": config.score_column, "pool": config.pool_column or config.score_column}

    def origin(self, study: Study) -> dict[str, Any]:
        return {"source": "table", "table_hash": file_hash(self._path), "table_columns": self._columns}

    def gather(self, study: Study, folder: Path, workers: int) -> Scored:
        config, space, path, columns = self.config, study.space, self._path, self._columns
        table = read_table(path, set())
        wanted = {"arch_column": config.arch_column, "score_column": columns["landmarks"]}
        for key, column in {**wanted, "pool_column": columns["pool"]}.items():
            if column not in table.columns:
                there = ", ".join(map(str, table.columns))
                raise LmregError(f"{path} has no column '{column}'; set landmarks.{key} to one of: {there}")
        for column in columns.values():
            if not pd.api.types.is_numeric_dtype(table[column]):
                raise LmregError(f"{path}: column '{column}' has values that are not numbers")
        archs = [self._parse(study, path, row, t) for row, t in enumerate(table[config.arch_column])]
        if repeated := table[config.arch_column].duplicated().to_numpy().nonzero()[0].tolist():
            twice = table[config.arch_column].iloc[repeated[0]]
            raise LmregError(f"{path}, row {repeated[0] + 2}: {twice} stands there twice")
        roles = draw_roles(
            space,
            study.options.seed,
            config.count,
            config.pool,
            *(_drawer(archs, table[columns[role]]) for role in ("landmarks", "pool")),
        )
        row_of = {arch: row for row, arch in enumerate(archs)}
        tables = {}
        for role, members in roles.items():
            values = table[columns[role]].iloc[[row_of[arch] for arch in members]]
            tables[role] = pd.DataFrame(
                {"arch": [space.format(a) for a in members], columns[role]: values.to_numpy(float)}
            )
        about = {
            "table": str(path),
            "table_rows": len(table),
            "seed": study.options.seed,
        }
        return Scored(tables, columns, config.higher_is_better, about)

    def _parse(self, study: Study, path: Path, row: int, text: object) -> Arch:
        try:
            return study.space.parse(str(text))
        except LmregError as error:
            raise LmregError(f"{path}, row {row + 2}: {error}") from None


def _drawer(archs: list[Arch], scores: pd.Series) -> Draw:
    """Draws uniformly from the architectures that have a score."""
    usable = np.flatnonzero(np.isfinite(scores.to_numpy(float)))
    if len(usable) == 0:
        raise LmregError(f"column '{scores.name}' of the table has no finite score")
    return lambda rng: archs[usable[rng.integers(len(usable))]]
