"""Image classification: cross-entropy and top-1 accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lmreg.task.base import LABELS, Output, Score, Task


@dataclass
class Config:
    name: str = "classification"


class Classification(Task):
    """One label per image."""

    scores = {  # noqa: RUF012
        "loss": Score("loss_nats", higher_is_better=False),
        "accuracy": Score("accuracy_percent", higher_is_better=True),
    }
    takes = LABELS
    truth = "accuracy"
    output = Output("logits", "a number per class, of which the largest is the predicted one's")

    def __init__(self, config: Config | None = None, smoothing: float = 0.0):
        self.config, self._smoothing = config or Config(), smoothing

    def outputs(self, classes: int) -> int:
        return classes

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets, label_smoothing=self._smoothing)

    def smoothed(self, amount: float) -> Classification:
        """Source: Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016, section 7."""
        return Classification(self.config, amount)

    def measure(self, outputs: Tensor, targets: Tensor) -> Tensor:
        loss = F.cross_entropy(outputs, targets, reduction="sum")
        correct = (outputs.argmax(1) == targets).sum().to(loss)
        return torch.stack([loss, 100 * correct])
