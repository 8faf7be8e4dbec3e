"""The result of `train-landmarks` for the other stages: landmarks and pool with stand-alone scores."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmreg.errors import LmregError
from lmreg.space.base import Arch, Space
from lmreg.util.files import digest, read_json, read_table, require_keys, write_json, write_table

FORMAT = 1
LANDMARKS, POOL, MANIFEST = "landmarks.csv", "pool.csv", "manifest.json"


@dataclass(frozen=True)
class LandmarkSet:
    """Architectures with their stand-alone scores, best first.

    ``better_sign`` is +1 if a higher score is better, else −1; ``errors`` are standard errors of the scores
    over training seeds [n], NaN where unknown; ``by_seed`` has the scores by training seed [n, seeds], whose
    means are ``scores``: NaN where a training is missing, without columns if they aren't known.
    """

    archs: tuple[Arch, ...]
    scores: np.ndarray
    errors: np.ndarray
    column: str
    better_sign: int
    by_seed: np.ndarray | None = None

    @classmethod
    def from_table(
        cls, table: pd.DataFrame, space: Space, column: str, better_sign: int, file: str = "landmarks"
    ) -> LandmarkSet:
        """Build the set from columns ``arch``, ``column`` and, if known, ``<column>_se`` and
        ``<column>_s<seed>``; ``file`` is the table's file, for messages."""
        order = (-better_sign * table[column]).argsort(kind="stable")
        table = table.iloc[order]
        errors = table.get(f"{column}_se", pd.Series(np.nan, index=table.index))
        rows = zip(table.index, table["arch"], strict=True)
        archs = tuple(space.read(text, f"{file}, row {int(row) + 2}, column 'arch'") for row, text in rows)
        seeds = [c for c in table if re.fullmatch(rf"{re.escape(column)}_s\d+", str(c))]
        scores, by_seed = table[column].to_numpy(float), table[seeds].to_numpy(float)
        return cls(archs, scores, errors.to_numpy(float), column, better_sign, by_seed)

    def pairs(self, min_gap_se: float = 0.0) -> np.ndarray:
        """Return the indices (better, worse), int [pairs, 2], of all pairs whose order is known; raise
        LmregError if there is none.

        Args:
            min_gap_se: the least gap between scores, in standard errors of the gap; ties are never pairs. The
                error is pooled over all landmarks: a single landmark's error, from two or three trainings,
                can be near zero by chance and would admit its pairs whatever their gap.
        """
        error = self.pooled_error
        if min_gap_se > 0 and error is None:
            raise LmregError(
                f"reg.min_gap_se={min_gap_se:g} needs standard errors of the landmarks' scores; "
                "train them with landmarks.seeds=2 or more"
            )
        better, worse = np.triu_indices(len(self.archs), k=1)
        gaps = np.abs(self.scores[better] - self.scores[worse])
        known = (gaps > 0) & (gaps >= min_gap_se * np.sqrt(2) * (error or 0.0))
        if not known.any():
            advice = "train more landmarks, with more seeds, or lower reg.min_gap_se"
            if (gaps == 0).all():
                advice = f"each has {self.scores[0]:g}: train shorter or longer, or use landmarks.score=loss"
            raise LmregError(
                f"{len(self.archs)} landmarks give no pair with clearly different {self.column}; {advice}"
            )
        return np.stack([better[known], worse[known]], 1)

    def subset(self, keep: Sequence[int] | np.ndarray) -> LandmarkSet:
        """Return the members at the ascending indices ``keep``, still best first."""
        archs = tuple(self.archs[i] for i in keep)
        by_seed = None if self.by_seed is None else self.by_seed[keep]
        return dataclasses.replace(
            self, archs=archs, scores=self.scores[keep], errors=self.errors[keep], by_seed=by_seed
        )

    @property
    def pooled_error(self) -> float | None:
        """The standard error of a score, as root mean square over the architectures; None if unknown."""
        known = self.errors[np.isfinite(self.errors)]
        return float(np.sqrt(np.mean(known**2))) if len(known) else None

    def noise_note(self) -> str | None:
        """Return a warning if training seeds change the scores about as much as architectures do."""
        error, spread = self.pooled_error or 0.0, float(self.scores.std())
        if error <= spread / 2:
            return None
        return (
            f"noisy: a standard error of {error:.2g} where the architectures differ by {spread:.2g} "
            f"(standard deviations, {self.column}); train longer (trainer.epochs) or with more seeds"
        )

    @property
    def hash(self) -> str:
        """A hash of the architectures and their scores."""
        # To twelve digits, as some releases of pandas lose the last digits of a CSV's numbers.
        rows = [(a.id, f"{s:.12g}") for a, s in zip(self.archs, self.scores, strict=True)]
        return digest(json.dumps(rows).encode())


@dataclass(frozen=True)
class Truth:
    """The content of ``<study>/landmarks``: landmarks, pool, and a manifest that says how they were made."""

    landmarks: LandmarkSet
    pool: LandmarkSet
    manifest: dict[str, Any]

    def fits(self, data_hash: str) -> bool:
        """Whether the trainings used the data and splits of this hash; scores of a table fit any data."""
        return self.manifest.get("data_hash", data_hash) == data_hash

    def trainings(self, role: str) -> int | None:
        """Return the number of trainings that each score of the role averages; None if unknown."""
        count = self.manifest.get("trainings_per_architecture", {}).get(role)
        return None if count is None else int(count)

    @classmethod
    def load(cls, folder: Path, space: Space) -> Truth:
        """Read the folder; raise LmregError if files are missing, damaged, or of another space or format."""
        if not (folder / MANIFEST).exists():
            raise LmregError(
                f"no landmarks in {folder}; 'lmreg train-landmarks' makes them "
                "(pass the same root, study, space and data)"
            )
        manifest = read_json(folder / MANIFEST, {"format"})
        if manifest["format"] != FORMAT:
            raise LmregError(
                f"{folder / MANIFEST} has format {manifest['format']}, this lmreg reads {FORMAT}"
            )
        require_keys(manifest, {"space", "landmarks", "pool"}, folder / MANIFEST)
        if manifest["space"] != space.name:
            raise LmregError(f"{folder} has landmarks of space {manifest['space']}, not of {space.name}")
        sets = []
        for file, role in ((LANDMARKS, "landmarks"), (POOL, "pool")):
            score = manifest[role]
            if lacks := {"column", "higher_is_better", "hash"} - set(score):
                raise LmregError(
                    f"{folder / MANIFEST} lacks {role}.{min(lacks)}; 'lmreg train-landmarks' writes it again"
                )
            try:
                table = read_table(folder / file, {"arch", score["column"]})
            except LmregError as error:
                raise LmregError(f"{error}; 'lmreg train-landmarks' writes it again") from error
            sign, members = 1 if score["higher_is_better"] else -1, None
            if pd.api.types.is_numeric_dtype(table[score["column"]]):
                members = LandmarkSet.from_table(table, space, score["column"], sign, str(folder / file))
            if members is None or members.hash != score["hash"]:
                raise LmregError(
                    f"{folder / file} is not what {MANIFEST} describes (edited or damaged?); "
                    "'lmreg train-landmarks' writes both again"
                )
            sets.append(members)
        return cls(sets[0], sets[1], manifest)


@dataclass(frozen=True)
class GatheredScores:
    """Architectures with stand-alone scores, ready to be saved as a `Truth`.

    ``tables`` (with ``arch``, the score and any other columns), ``columns`` (the score's name) and
    ``higher_is_better`` are by role: landmarks, pool. ``about`` has the manifest's other entries: source,
    protocol, seeds, hash of the data.
    """

    tables: dict[str, pd.DataFrame]
    columns: dict[str, str]
    higher_is_better: dict[str, bool]
    about: dict[str, Any]

    def save(self, folder: Path, space: Space) -> None:
        """Write ``landmarks.csv`` and ``pool.csv``, best architecture first, and finally the manifest."""
        manifest: dict[str, Any] = {"format": FORMAT, "space": space.name, **self.about}
        for role, file in (("landmarks", LANDMARKS), ("pool", POOL)):
            column, higher = self.columns[role], self.higher_is_better[role]
            table = self.tables[role].sort_values(column, ascending=not higher, kind="stable")
            write_table(folder / file, table)
            found = LandmarkSet.from_table(table, space, column, 1 if higher else -1).hash
            about = {"column": column, "higher_is_better": higher, "count": len(table), "hash": found}
            manifest[role] = about
        write_json(folder / MANIFEST, manifest)
