"""The interface of readers of published benchmark files, which turn them into tables."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lmreg.errors import LmregError

PERCENT_DIGITS = 4
"""Decimals of accuracies in percent. Fewer would merge networks that differ in one of 10,000 images in one of
3 trainings; more would separate networks by the rounding of single-precision numbers."""


@dataclass(frozen=True)
class Imported:
    """A benchmark as a table.

    ``table`` has one row per architecture, its text form in column ``arch``. ``scores`` are the column that
    ranks landmarks, a validation score if there is one, and the column that is the truth of the pool.
    ``notes`` on the conversion are for the user, one line each; ``space_options`` are overrides that the
    space needs in addition to `Benchmark.space`, such as ``space.x=2``.
    """

    table: pd.DataFrame
    scores: tuple[str, str]
    notes: tuple[str, ...] = ()
    space_options: tuple[str, ...] = ()


class Benchmark(ABC):
    """Reads the published files of one benchmark."""

    space: str
    """The choice of ``space=`` whose text forms are in the table."""

    @abstractmethod
    def read(self, path: Path) -> Imported:
        """Read the benchmark's own file; raise LmregError if it is missing, damaged or of another kind."""


def size_note(published: int, found: int, kind: str) -> tuple[str, ...]:
    """Return a note if the file doesn't have as many architectures, called ``kind``, as were published."""
    differ = f"the published benchmark has {published:,} {kind}, this file {found:,}"
    return () if found == published else (differ,)


def read_published_json(path: Path, keep: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    """Return the value in a published JSON file. ``keep`` replaces each object as soon as it is read, for
    example by one with fewer keys to save memory."""
    try:
        return json.loads(path.read_bytes(), object_hook=keep)
    except OSError as error:
        raise LmregError(f"can't read {path}: {error.strerror}") from error
    except ValueError as error:
        reason = "it isn't text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise LmregError(f"{path} is not a whole JSON file ({reason}); download it again") from None
