"""What algorithms and regularisers see of a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
"""Return how good architectures are with a super-net's weights, float64 [n]; higher is better."""


def no_scorer(net: SuperNet, archs: Sequence[Arch]) -> np.ndarray:
    """The scorer of a training whose algorithm doesn't use scores."""
    raise TypeError("this training has no scores: its algorithm must set uses_scores = True")


@dataclass(frozen=True)
class NoBatches:
    """The batches of a split that a training doesn't use."""

    reason: str

    def __next__(self) -> Batch:
        raise TypeError(f"this training has no such batches: {self.reason}")

    def state_dict(self) -> None:
        return None

    def load_state_dict(self, state: Any) -> None:
        pass


Batches = BatchStream | NoBatches
NO_RANK_BATCHES = NoBatches("a stand-alone training has no regulariser")
NO_ALPHA_BATCHES = NoBatches("its algorithm must set alpha_split")


@dataclass
class Context:
    """The parts of one training and its progress."""

    space: Space
    net: SuperNet
    task: Task
    streams: Streams
    optimizer: torch.optim.SGD
    """The optimizer of the weights; its momentum is part of what a step will do."""
    total_steps: int
    paths_per_step: int = 1
    """How many paths the algorithm trains in a step, each on the step's batch."""
    rank_batches: Batches = NO_RANK_BATCHES
    """Held-out batches for the regulariser."""
    alpha_batches: Batches = NO_ALPHA_BATCHES
    """Batches for architecture parameters, from the split that the algorithm asks for. They have a random
    stream of their own, so that the regulariser's draws don't shift it."""
    scorer: Scorer = no_scorer
    step: int = 0
    """How many steps have been taken."""

    @property
    def progress(self) -> float:
        """The share of the training that is done, from 0 before the first step to 1 after the last."""
        return self.step / self.total_steps if self.total_steps else 1.0

    def loss(self, choice: Choice, batch: Batch) -> Tensor:
        """Return the task's loss of a path or a mixture on one batch, a scalar with its graph."""
        return self.task.loss(self.net(batch.images, choice), batch.targets)

    def standalone_loss(self, arch: Arch, batch: Batch) -> Tensor:
        """Return the loss that stand-alone training of ``arch`` minimises, a scalar with its graph."""
        outputs = self.net.training_outputs(batch.images, arch, self.progress, self.streams.drop)
        losses = [weight * self.task.loss(output, batch.targets) for weight, output in outputs]
        return sum(losses[1:], start=losses[0])

    def scores(self, archs: Sequence[Arch]) -> np.ndarray:
        """Return the super-net's present scores of ``archs`` on the score split, [n]; higher is better."""
        return self.scorer(self.net, archs)
