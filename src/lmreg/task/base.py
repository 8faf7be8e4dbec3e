"""The interface of tasks, which define the training loss and the scores of a network's outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from lmreg.errors import LmregError

LABELS = "one label per image"


@dataclass(frozen=True)
class Score:
    """A metric: the name of its column, which includes the unit, and whether higher is better."""

    column: str
    higher_is_better: bool

    @property
    def sign(self) -> int:
        """+1 or −1, the factor with which values increase with quality."""
        return 1 if self.higher_is_better else -1


@dataclass(frozen=True)
class Output:
    """The name and the meaning of outputs for users of an exported network."""

    name: str
    meaning: str


class Task(ABC):
    """Loss and scores of one kind of prediction."""

    scores: dict[str, Score]
    """Scores by short name; the first is the task's loss."""

    takes: str
    """The kind of targets that the task needs, as in `DataSource.gives`, such as ``LABELS``."""

    dense: bool = False
    """Whether outputs are maps [B, outputs, height, width] instead of [B, outputs]."""

    truth: str
    """The score by which stand-alone trained architectures are ranked unless the config names another."""

    output: Output = Output("outputs", "the network's outputs")
    """The description of the outputs in exports."""

    @property
    def unsuited(self) -> dict[str, str]:
        """The options of ``lmreg retrain``'s usual recipe that don't suit the task, each with the reason."""
        labels = {} if self.takes == LABELS else {"label_smoothing": "there are no labels"}
        blanked = "nothing in an image tells what a blanked square hides"
        return labels | ({"cutout": blanked} if self.dense else {})

    @abstractmethod
    def outputs(self, classes: int) -> int:
        """Return the number of output channels that the network needs."""

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean training loss of a batch, a scalar."""

    @abstractmethod
    def measure(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the sum over a batch of every score, float32 [len(scores)], in the order of `scores`."""

    def smoothed(self, amount: float) -> Task:
        """Return the task with label smoothing, if it has labels: the loss spreads ``amount`` of each label
        over all classes. Scores don't change."""
        raise LmregError(
            f"label_smoothing={amount}: {type(self).__name__} has no labels; pass label_smoothing=0"
        )

    def maps(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return predictions and truth for comparison by eye, float32 [B, height, width] each.

        Both are on the same scale; the truth is NaN where it is missing. Only dense tasks have maps.
        """
        raise TypeError(f"{type(self).__name__} predicts no maps")

    @property
    def train_column(self) -> str:
        """The column of the training loss in ``metrics.csv``, named after the task's loss score."""
        return f"train_{next(iter(self.scores.values())).column}"
