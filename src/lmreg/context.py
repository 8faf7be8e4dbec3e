"""What algorithms and regularisers get to see of a training."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lmreg.data.images import Batch, BatchStream
from lmreg.network.base import SuperNet
from lmreg.space.base import Arch, Space
from lmreg.streams import Streams
from lmreg.task.base import Task


@dataclass
class Context:
    """The parts of one training and how far it has come."""

    space: Space
    net: SuperNet
    task: Task
    streams: Streams
    rank_batches: BatchStream | None
    """Held-out batches for the regulariser and for architecture parameters."""
    total_steps: int
    step: int = 0

    @property
    def progress(self) -> float:
        """Share of the training that is done, from 0 before the first step to 1 after the last."""
        return self.step / self.total_steps

    def loss(self, arch: Arch, batch: Batch) -> Tensor:
        """The task's loss of one path on one batch, a scalar with its graph."""
        return self.task.loss(self.net(batch.images, arch), batch.targets)
