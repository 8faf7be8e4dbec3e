"""Scoring sub-nets: how well each path of a super-net performs on held-out images."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from lmreg.config.build import nearest
from lmreg.config.schema import option
from lmreg.data.images import Batch, ImageData
from lmreg.errors import LmregError
from lmreg.network.base import SuperNet
from lmreg.rank.norm import recalibrated
from lmreg.space.base import Arch
from lmreg.task.base import Score, Task
from lmreg.train.context import Scorer

PREDICTOR = "predictor"
"""The value of ``scoring.by`` with which a predictor orders candidates."""
PREDICTED, DEVIATION = "predicted", "predicted_sd"
"""The columns of what it predicts, and of the standard deviation of that."""


def score(
    net: SuperNet,
    task: Task,
    archs: Sequence[Arch],
    batches: Sequence[Batch],
    advance: Callable[[], None] = lambda: None,
    calibration: Sequence[Batch] = (),
) -> pd.DataFrame:
    """Return every score of the task, averaged over the images: one row per architecture, in their order.

    Batch norms use each batch's own statistics, as in training, unless there is a ``calibration``. The
    network is left unchanged.

    Args:
        batches: the same images for every architecture, see `Split.scoring_batches`.
        advance: called after each architecture, for a progress display.
        calibration: training images from which each path's batch-norm statistics are estimated before it is
            scored with them.
    """
    images = sum(len(batch.targets) for batch in batches)
    rows = []
    with _restored(net), torch.inference_mode(), ExitStack() as stack:
        fix_norms = stack.enter_context(recalibrated(net)) if calibration else None
        for arch in archs:
            if fix_norms is not None:
                fix_norms(arch, calibration)
            sums = [task.measure(net(batch.images, arch), batch.targets) for batch in batches]
            rows.append(torch.stack(sums))
            advance()
        # One transfer for all architectures, so that the device is not synchronised for each.
        values = torch.stack(rows).cpu().double().sum(1).numpy() / images
    return pd.DataFrame(values, columns=[s.column for s in task.scores.values()])


@contextmanager
def _restored(net: nn.Module) -> Iterator[None]:
    """Restore buffers (running statistics) and training modes of ``net`` on leaving."""
    buffers = {name: buffer.clone() for name, buffer in net.named_buffers()}
    modes = {module: module.training for module in net.modules()}
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        with torch.no_grad():
            for name, buffer in net.named_buffers():
                buffer.copy_(buffers[name])


@dataclass
class ScoringConfig:
    """How sub-nets are scored on the score split."""

    by: str = option(
        "loss",
        help="score that orders candidates: loss, accuracy or another of the task, or predictor: what "
        "landmarks and training-free scores predict, see 'proxies'",
    )
    batch_size: int = option(
        500, min=2, help="images in a scoring batch, whose statistics normalise together"
    )
    images: int | None = option(None, min=2, help="images of the score split to use; null: all")
    norm: str = option(
        "batch",
        choices=["batch", "recalibrate"],
        help="batch-norm statistics: of each scoring batch (batch), or of training images, estimated for "
        "each path and then fixed (recalibrate)",
    )
    calibration_images: int = option(1000, min=2, help="training images for norm=recalibrate")

    def checked(self, task: Task) -> ScoringConfig:
        """Return this config. Raises LmregError if the task has no score ``by``."""
        known = [*task.scores, PREDICTOR]
        if self.by not in known:
            raise LmregError(f"scoring.by={self.by}{nearest(self.by, known)}")
        return self

    @property
    def predicts(self) -> bool:
        """Whether a predictor orders candidates, which needs landmarks."""
        return self.by == PREDICTOR

    def of_task(self, task: Task) -> str:
        """Return the name of the task's score by which the super-net itself ranks: ``by``, or the task's loss
        where a predictor orders candidates."""
        return next(iter(task.scores)) if self.predicts else self.by

    def order(self, task: Task) -> Score:
        """Return the score that orders candidates."""
        return Score(PREDICTED, True) if self.predicts else task.scores[self.by]

    def batches(self, data: ImageData) -> list[Batch]:
        """Return the images of the score split that sub-nets are scored on."""
        return data.split("score").scoring_batches(self.batch_size, self.images)

    def calibration(self, data: ImageData) -> list[Batch]:
        """Return the training images that batch norms are calibrated on; none with norm=batch."""
        if self.norm == "batch":
            return []
        return data.split("train").scoring_batches(self.batch_size, self.calibration_images)

    @property
    def protocol(self) -> dict[str, Any]:
        """The options that scores depend on: equal for configs that give the same scores."""
        same = {"batch_size": self.batch_size, "images": self.images, "norm": self.norm}
        return same if self.norm == "batch" else {**same, "calibration_images": self.calibration_images}

    def scorer(self, data: ImageData, task: Task) -> Scorer:
        """Return a function with which algorithms score sub-nets during training."""
        by = task.scores[self.of_task(task)]
        images = functools.cache(lambda: (self.batches(data), self.calibration(data)))

        def scores(net: SuperNet, archs: Sequence[Arch]) -> np.ndarray:
            batches, calibration = images()
            table = score(net, task, archs, batches, calibration=calibration)
            return by.sign * table[by.column].to_numpy()

        return scores
