"""What algorithms and regularisers get to see of a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from lmreg.data.images import Batch, BatchStream
from lmreg.network.base import SuperNet
from lmreg.network.mixture import Choice
from lmreg.space.base import Arch, Space
from lmreg.task.base import Task
from lmreg.train.random_streams import Streams

Scorer = Callable[[SuperNet, Sequence[Arch]], np.ndarray]
"""How good architectures are with a super-net's weights, float64 [n], growing with quality."""


@dataclass
class Context:
    """The parts of one training and how far it has come."""

    space: Space
    net: SuperNet
    task: Task
    streams: Streams
    rank_batches: BatchStream | None
    """Held-out batches for the regulariser."""
    total_steps: int
    step: int = 0
    paths_per_step: int = 1
    """How many paths the algorithm trains in a step, each on the step's batch."""
    alpha_batches: BatchStream | None = None
    """Batches for architecture parameters, of the split that the algorithm asks for; a stream of its
    own, so that the regulariser's draws don't shift it."""
    scorer: Scorer | None = None
    optimizer: torch.optim.SGD = field(init=False)
    """The weights' optimizer, made by the training: its state is a part of what a step will do."""

    @property
    def progress(self) -> float:
        """Share of the training that is done, from 0 before the first step to 1 after the last."""
        return self.step / self.total_steps

    def loss(self, choice: Choice, batch: Batch) -> Tensor:
        """The task's loss of a path or a mixture on one batch, a scalar with its graph."""
        return self.task.loss(self.net(batch.images, choice), batch.targets)

    def standalone_loss(self, arch: Arch, batch: Batch) -> Tensor:
        """The loss by which the network of one architecture trains alone, a scalar with its graph."""
        outputs = self.net.training_outputs(batch.images, arch, self.progress, self.streams.drop)
        losses = [weight * self.task.loss(output, batch.targets) for weight, output in outputs]
        return sum(losses[1:], start=losses[0])

    def scores(self, archs: Sequence[Arch]) -> np.ndarray:
        """How the super-net scores architectures now, on the score split: [n], growing with quality."""
        assert self.scorer is not None, "an algorithm that asks for scores says so: uses_scores = True"
        return self.scorer(self.net, archs)
