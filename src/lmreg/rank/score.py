"""Scoring sub-nets: how well each path of a network does on held-out batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import torch

from lmreg.config.build import nearest
from lmreg.config.schema import option
from lmreg.data.images import Batch
from lmreg.errors import LmregError
from lmreg.network.base import SuperNet
from lmreg.space.base import Arch
from lmreg.task.base import Task


def score(
    net: SuperNet,
    task: Task,
    archs: Sequence[Arch],
    batches: Sequence[Batch],
    advance: Callable[[], None] = lambda: None,
) -> pd.DataFrame:
    """Every score of the task, averaged over the images, one row per architecture in their order.

    Normalisation uses each batch's own statistics, as in training.

    Args:
        batches: the same images for every architecture, see `Split.scoring_batches`.
        advance: called after each architecture, for a progress display.
    """
    images = sum(len(batch.targets) for batch in batches)
    rows = []
    with torch.inference_mode():
        for arch in archs:
            sums = [task.measure(net(batch.images, arch), batch.targets) for batch in batches]
            rows.append(torch.stack(sums))
            advance()
        # One transfer for all: no synchronisation per architecture.
        values = torch.stack(rows).cpu().double().sum(1).numpy() / images
    return pd.DataFrame(values, columns=[s.column for s in task.scores.values()])


@dataclass
class ScoringConfig:
    """How sub-nets are scored on the score split."""

    by: str = option("loss", help="the score that orders candidates")
    batch_size: int = option(500, min=2, help="images whose statistics normalise together")
    images: int | None = option(None, min=2, help="use only so many images; null for all")

    def checked(self, task: Task) -> ScoringConfig:
        """Itself.

        Raises:
            LmregError: the task has no score ``by``.
        """
        if self.by not in task.scores:
            raise LmregError(f"scoring.by={self.by}{nearest(self.by, task.scores)}")
        return self
