"""Rows of ``metrics.csv`` for TensorBoard, which is an extra: ``pip install 'lmreg[tensorboard]'``."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmreg.util.extras import import_extra

FOLDER = "tensorboard"


class Events:
    """Event files in the folder of a run; a context manager that closes them. Raises LmregError if
    TensorBoard isn't installed."""

    def __init__(self) -> None:
        import_extra("tensorboard", "tensorboard", "tensorboard=true")
        self._writer: Any = None

    def begin(self, run_folder: Path, rows: Sequence[dict[str, float]]) -> None:
        """Start anew with the rows so far: after a kill, the files may hold rows that the run will repeat."""
        from torch.utils.tensorboard import SummaryWriter  # here, because it needs the extra

        shutil.rmtree(run_folder / FOLDER, ignore_errors=True)
        self._writer = SummaryWriter(str(run_folder / FOLDER))
        for row in rows:
            self.add(row)

    def add(self, row: dict[str, float]) -> None:
        """Add a row: every figure is a point of its curve over the steps; a NaN adds no point."""
        for name, value in row.items():
            if name != "step" and not math.isnan(value):
                self._writer.add_scalar(name, value, int(row["step"]))

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            self._writer.close()
