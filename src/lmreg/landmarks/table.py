"""Landmarks and pool from a benchmark's table of stand-alone scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmreg.config.resolvers import absolute
from lmreg.config.schema import inherit, option
from lmreg.errors import LmregError
from lmreg.experiment.study import Study
from lmreg.landmarks.base import LandmarkSource, SourceConfig, StandaloneScorer, draw_roles
from lmreg.landmarks.direction import Direction, agreement_note, negation_note
from lmreg.landmarks.lookup import ScoreLookup, conflicting_rows_note
from lmreg.landmarks.scores import ScoreTable, mixed_scales_note, read_score_table
from lmreg.landmarks.truth import MANIFEST, GatheredScores, Truth
from lmreg.selector.base import Draw, Selector
from lmreg.space.base import Arch, Space
from lmreg.util.files import file_hash
from lmreg.util.progress import say


@dataclass
class Config(SourceConfig):
    name: str = "table"
    pool: int = inherit(SourceConfig, "pool", 600)
    path: str | None = option(
        None, text="path", help="CSV or Parquet file, one row per architecture; may cover a part of the space"
    )
    arch_column: str = option("arch", text="text", help="column of the architecture's text form")
    score_column: str = option(
        "accuracy", text="text", help="column that orders landmarks: a validation score"
    )
    pool_column: str | None = option(
        None, text="text", help="column of the pool's test score; null: score_column"
    )
    pool_seed_columns: list[str] = option(
        [], help="columns with each training seed's score, whose mean is pool_column: they tell its error"
    )
    score_lower_is_better: bool | None = option(
        None, help="true if score_column is a loss; null: by its name, else false"
    )
    pool_lower_is_better: bool | None = option(None, help="the same for pool_column")
    higher_is_better: bool | None = option(None, help="direction of both columns at once; null: each its own")


_OPTIONS = {"landmarks": "score", "pool": "pool"}
"""By role, the prefix of its column's options."""


class TableSource(LandmarkSource):
    """Looks scores up in a table; rows without the needed score are skipped."""

    def __init__(self, config: Config):
        self.config = config

    @property
    def _path(self) -> Path:
        if self.config.path is None:
            raise LmregError("landmarks=table needs landmarks.path=<CSV or Parquet file>")
        return Path(self.config.path)

    @property
    def _columns(self) -> dict[str, str]:
        config = self.config
        return {"landmarks": config.score_column, "pool": config.pool_column or config.score_column}

    @property
    def _directions(self) -> dict[str, Direction]:
        """By role, the direction that the options, which mustn't contradict each other, or the names give."""
        config, columns = self.config, self._columns
        options = {role: f"landmarks.{name}_lower_is_better" for role, name in _OPTIONS.items()}
        given = {"score": config.score_lower_is_better, "pool": config.pool_lower_is_better}
        if config.higher_is_better is not None:
            if given != {"score": None, "pool": None}:
                raise LmregError(
                    "landmarks.higher_is_better is for both columns: leave it out where "
                    "landmarks.score_lower_is_better or landmarks.pool_lower_is_better is set"
                )
            lower, why = not config.higher_is_better, f"landmarks.higher_is_better={config.higher_is_better}"
            return {role: Direction(columns[role], options[role], lower, why.lower()) for role in options}
        if columns["landmarks"] == columns["pool"]:
            values = {value for value in given.values() if value is not None}
            if len(values) > 1:
                raise LmregError(
                    f"landmarks.score_lower_is_better and landmarks.pool_lower_is_better differ, but "
                    f"'{columns['pool']}' is the column of both"
                )
            given = dict.fromkeys(given, next(iter(values), None))
        return {role: Direction.of(columns[role], options[role], given[_OPTIONS[role]]) for role in options}

    def origin(self, study: Study) -> dict[str, Any]:
        return {"source": "table", "table_hash": file_hash(self._path), "table_columns": self._columns}

    def gather(self, study: Study, selector: Selector, folder: Path, workers: int) -> GatheredScores:
        config, space, columns, directions = self.config, study.space, self._columns, self._directions
        keys = {"arch_column": config.arch_column, "score_column": columns["landmarks"]}
        keys |= {f"pool_seed_columns[{i}]": name for i, name in enumerate(config.pool_seed_columns)}
        table = read_score_table(self._path, {**keys, "pool_column": columns["pool"]}, space)
        without = _count_unusable(table, columns)
        _print_notes(table, directions, space)
        _check_enough(table, columns, config)
        drawers = (_drawer(table, columns[role]) for role in ("landmarks", "pool"))
        roles = draw_roles(study, selector, config, *drawers)
        row_of = {arch: row for row, arch in enumerate(table.archs)}
        tables = {}
        for role, members in roles.items():
            values = table.scores[columns[role]][[row_of[arch] for arch in members]]
            tables[role] = pd.DataFrame({"arch": [space.format(a) for a in members], columns[role]: values})
        rows = [row_of[arch] for arch in roles["pool"]]
        by_seed = _by_seed(table, columns["pool"], config.pool_seed_columns, rows)
        tables["pool"] = tables["pool"].assign(**by_seed)
        about = {
            "table": absolute(str(self._path)),
            "table_arch_column": config.arch_column,
            "table_rows": len(table.archs),
            "table_rows_without_score": without,
            "seed": study.options.seed,
        }
        higher = {role: not direction.lower for role, direction in directions.items()}
        return GatheredScores(tables, columns, higher, about)

    @classmethod
    def scorer(cls, study: Study, truth: Truth, folder: Path) -> StandaloneScorer:
        manifest, column = truth.manifest, truth.landmarks.column
        if not {"table", "table_hash", "table_arch_column"} <= manifest.keys():
            raise LmregError(
                f"{folder / MANIFEST} is of an earlier lmreg and doesn't fully describe its table; "
                "'lmreg train-landmarks' with the same options as then writes it again"
            )
        path = Path(manifest["table"])
        if not path.is_file() or file_hash(path) != manifest["table_hash"]:
            state = "has changed since" if path.is_file() else "is gone"
            raise LmregError(
                f"{path}, the table of the study's landmarks, {state}; restore it, as the scores of more "
                "landmarks are looked up in it"
            )
        columns = {"arch_column": manifest["table_arch_column"], "score_column": column}
        table = read_score_table(path, columns, study.space)
        lookup = ScoreLookup(table, column, study.space)

        def score(archs: Sequence[Arch], count: int) -> pd.DataFrame:
            found: dict[str, float] = {}
            for arch in archs:
                if len(found) < count and (value := lookup.score(arch)) is not None:
                    found[study.space.format(arch)] = value
            return pd.DataFrame({"arch": list(found), column: list(found.values()), f"{column}_se": np.nan})

        return StandaloneScorer(score, f"looked up in {path.name}")


def _by_seed(table: ScoreTable, column: str, seeds: Sequence[str], rows: list[int]) -> dict[str, np.ndarray]:
    """Return scores by training seed as columns for the pool's file, and the standard error of their mean,
    which ``column`` must have."""
    if not seeds:
        return {}
    if len(seeds) < 2:
        raise LmregError(
            f"landmarks.pool_seed_columns={seeds[0]}: list at least two columns, one for each seed"
        )
    _check_distinct(table, column, seeds)
    every = np.stack([table.scores[name] for name in seeds], 1)
    every[~np.isfinite(every)] = np.nan
    whole = np.isfinite(every).all(1) & np.isfinite(table.scores[column])
    means, truth = every[whole].mean(1), table.scores[column][whole]
    # Published means are rounded to a hundredth of a percent or finer.
    wrong = np.flatnonzero(np.abs(means - truth) > 1e-3 * np.maximum(np.abs(truth), np.ptp(truth)))
    if len(wrong):
        raise LmregError(
            f"{table.path}: '{column}' is not the mean of landmarks.pool_seed_columns: in one row it is "
            f"{truth[wrong[0]]:g}, the mean of {', '.join(seeds)} is {means[wrong[0]]:g}"
        )
    mine = pd.DataFrame(every[rows])
    errors = mine.sem(axis=1).to_numpy()
    return {f"{column}_se": errors} | {f"{column}_s{i}": mine[i].to_numpy() for i in mine}


def _check_distinct(table: ScoreTable, column: str, seeds: Sequence[str]) -> None:
    """Check that no two of the columns of seeds and of their mean are equal."""
    for a, b in combinations([*seeds, column], 2):
        if a != b and not np.array_equal(table.scores[a], table.scores[b], equal_nan=True):
            continue
        same = f"names '{a}' twice" if a == b else f"'{a}' and '{b}' are equal in every row"
        if b == column:
            same = f"'{a}' is the mean of the seeds{'' if a == b else f', {column!r}, in every row'}"
        raise LmregError(
            f"{table.path}: landmarks.pool_seed_columns={','.join(seeds)}: {same}; list the column of each "
            "training seed once, and no other"
        )


def _count_unusable(table: ScoreTable, columns: dict[str, str]) -> dict[str, int]:
    """Return by role the number of rows without a score, and tell the user if there are any."""
    rows = len(table.archs)
    without = {role: rows - len(table.usable(column)) for role, column in columns.items()}
    for column, count in {columns[role]: count for role, count in without.items()}.items():
        if count == rows:
            raise LmregError(f"{table.path}: column '{column}' has no finite score")
        if count:
            say(f"{table.path}: {count} of {rows} rows have no finite score in '{column}'; skipped")
    return without


def _print_notes(table: ScoreTable, directions: dict[str, Direction], space: Space) -> None:
    """Print what the user should know about the columns; refuse columns that contradict each other."""
    score, pool = directions["landmarks"], directions["pool"]
    if table.separator:
        say(f"{table.path}: read as columns separated by {table.separator}")
    for direction in {d.column: d for d in (score, pool)}.values():
        say(f"{table.path}: {direction.note}")
        if note := negation_note(table.path, direction, table.scores[direction.column]):
            say(note)
    if score.column != pool.column:
        values = [table.scores[direction.column] for direction in (score, pool)]
        if note := agreement_note(table.path, score, pool, values):
            say(note)
    notes = [mixed_scales_note(table, column) for column in sorted(table.scores)]
    for note in filter(None, [*notes, conflicting_rows_note(table, sorted(table.scores), space)]):
        say(note)


def _check_enough(table: ScoreTable, columns: dict[str, str], config: Config) -> None:
    """Check that enough rows have scores before drawing, which would fail only after many attempts."""
    usable = {role: set(table.usable(column).tolist()) for role, column in columns.items()}
    have = (len(usable["landmarks"]), len(usable["pool"]), len(usable["landmarks"] | usable["pool"]))
    need = (config.count, config.pool, config.count + config.pool)
    if any(h < n for h, n in zip(have, need, strict=True)):
        raise LmregError(
            f"{table.path}: rows with a score are {have[0]} for landmarks, {have[1]} for the pool, "
            f"{have[2]} in all; {need[2]} are needed: lower landmarks.count (now {config.count}) or "
            f"landmarks.pool (now {config.pool})"
        )


def _drawer(table: ScoreTable, column: str) -> Draw:
    """Return a function that draws uniformly from the architectures with a score."""
    usable = table.usable(column)
    return lambda rng: table.archs[usable[rng.integers(len(usable))]]
