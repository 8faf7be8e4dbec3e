"""Rows of ``metrics.csv`` for TensorBoard, which is an extra: ``pip install 'lmreg[tensorboard]'``."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from lmreg.errors import LmregError

FOLDER = "tensorboard"


class Events:
    """Event files in the folder of a run; a context manager that closes them.

    Raises:
        LmregError: TensorBoard isn't installed.
    """

    def __init__(self) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise LmregError(
                "tensorboard=true needs the package tensorboard: pip install 'lmreg[tensorboard]'"
            ) from None
        self._open: Any = SummaryWriter
        self._writer: Any = None

    def begin(self, run_folder: Path, rows: Sequence[dict[str, float]]) -> None:
        """Start anew with the rows so far: after a kill, the files may hold rows that the run will repeat."""
        shutil.rmtree(run_folder / FOLDER, ignore_errors=True)
        self._writer = self._open(str(run_folder / FOLDER))
        for row in rows:
            self.add(row)

    def add(self, row: dict[str, float]) -> None:
        """Add a row: every figure is a point of its curve over the steps; a NaN adds no point."""
        for name, value in row.items():
            if name != "step" and not math.isnan(value):
                self._writer.add_scalar(name, value, int(row["step"]))

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
