"""Looking up scores in a table by the function that an architecture computes, not by how it is written."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from lmreg.landmarks.scores import ScoreTable
from lmreg.space.base import Arch, Space
from lmreg.space.isomorphism import IsomorphismIndex


class ScoreLookup:
    """Finds the score of any architecture in one column of a table.

    The architecture's own row counts if it has a score. Otherwise the score is the mean over the rows of
    isomorphic architectures (equal `Space.canonical`), as tables such as NAS-Bench-101 list only one form of
    each network.
    """

    def __init__(self, table: ScoreTable, column: str, space: Space):
        usable = table.usable(column)
        self._space = space
        self._archs = [table.archs[row] for row in usable]
        self._scores = table.scores[column][usable]
        self._row_of = {arch: row for row, arch in enumerate(self._archs)}

    @functools.cached_property
    def _classes(self) -> IsomorphismIndex:
        return IsomorphismIndex(self._space, self._archs)  # takes seconds for a large table

    def score(self, arch: Arch) -> float | None:
        """Return the score of ``arch``, or None if the table has none."""
        if arch in self._row_of:
            return float(self._scores[self._row_of[arch]])
        rows = self._classes.isomorphic_to(arch)
        return float(self._scores[rows].mean()) if rows else None


def conflicting_rows_note(table: ScoreTable, columns: Sequence[str], space: Space) -> str | None:
    """Return a note if several rows are of the same network but differ in score, with two as an example."""
    example, count = "", 0
    for members in IsomorphismIndex(space, table.archs).duplicates():
        for column in columns:
            known = [place for place in members if np.isfinite(table.scores[column][place])]
            known.sort(key=lambda place: table.scores[column][place])
            if known and table.scores[column][known[0]] != table.scores[column][known[-1]]:
                example = example or _example(table, column, sorted([known[0], known[-1]]))
                count += len(members)
                break
    if not count:
        return None
    return (
        f"{table.path}: {count:,} of {len(table.archs):,} rows are of a network that another row also has, "
        f"with a different score ({example}); each row counts for its own architecture, their mean for other "
        "forms of the network"
    )


def _example(table: ScoreTable, column: str, places: list[int]) -> str:
    rows = " and ".join(str(table.rows[place]) for place in places)
    scores = " and ".join(f"{table.scores[column][place]:g}" for place in places)
    return f"column '{column}', rows {rows}: {scores}"
