"""What a benchmark is published as, and the table that it becomes."""

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
"""Digits kept of accuracies in percent: fewer would merge networks that differ in one of 10,000 images
in one of 3 trainings, more would tell networks apart by the rounding of single-precision numbers."""


@dataclass(frozen=True)
class Imported:
    """A benchmark as a table.

    Attributes:
        table: one row per architecture, its text form in column ``arch``.
        scores: the column to order landmarks by, a validation score where there is one, and the
            column that is the truth of the pool.
        notes: what the user should know of how it came about, a line each.
        space_options: overrides that the space needs besides `Benchmark.space`, such as ``space.x=2``.
    """

    table: pd.DataFrame
    scores: tuple[str, str]
    notes: tuple[str, ...] = ()
    space_options: tuple[str, ...] = ()


class Benchmark(ABC):
    """Reads one kind of published file."""

    space: str
    """The choice of ``space=`` whose text forms the table has."""

    @abstractmethod
    def read(self, path: Path) -> Imported:
        """Read the benchmark's own file.

        Raises:
            LmregError: it is missing, damaged or something else.
        """


def read_published_json(path: Path, keep: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    """The value in a JSON file of somebody else.

    Args:
        keep: what each object becomes as soon as it is read, such as fewer keys to save memory.

    Raises:
        LmregError: it is missing, or no JSON.
    """
    try:
        return json.loads(path.read_bytes(), object_hook=keep)
    except OSError as error:
        raise LmregError(f"can't read {path}: {error.strerror}") from error
    except ValueError as error:
        reason = "it is no text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise LmregError(f"{path} is not a whole JSON file ({reason}); download it again") from None
