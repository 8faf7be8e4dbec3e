"""What a task decides: the training loss and the scores of a network's outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from lmreg.errors import LmregError

LABELS = "one label per image"


@dataclass(frozen=True)
class Score:
    """A figure of merit: its column name (with the unit) and whether more of it is better."""

    column: str
    higher_is_better: bool

    @property
    def sign(self) -> int:
        """+1 or −1: what makes a value of it grow with quality."""
        return 1 if self.higher_is_better else -1


@dataclass(frozen=True)
class Output:
    """What outputs are to those who use an exported network: a name, and their meaning in words."""

    name: str
    meaning: str


class Task(ABC):
    """Loss and scores over outputs and targets of one kind of prediction."""

    scores: dict[str, Score]
    """By short name; the first is the task's own loss."""

    takes: str
    """What targets it is about, as `DataSource.gives` names them, such as ``LABELS``."""

    dense: bool = False
    """Whether outputs are maps [B, outputs, height, width]; else they are [B, outputs]."""

    truth: str
    """The score by which stand-alone trained architectures are ordered unless config says otherwise."""

    output: Output = Output("outputs", "the network's outputs")
    """What its outputs are."""

    @property
    def unsuited(self) -> dict[str, str]:
        """What of the usual recipe of ``lmreg retrain`` isn't for it, by option, with the reason in words."""
        labels = {} if self.takes == LABELS else {"label_smoothing": "there are no labels"}
        blanked = "nothing in an image tells what a blanked square hides"
        return labels | ({"cutout": blanked} if self.dense else {})

    @abstractmethod
    def outputs(self, classes: int) -> int:
        """Number of output channels the network needs."""

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean training loss of a batch, a scalar."""

    @abstractmethod
    def measure(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The sum over a batch of every score, float32 [len(scores)], in their order."""

    def smoothed(self, amount: float) -> Task:
        """The same task, but its loss is that of labels of which ``amount`` is spread over all classes;
        scores don't change.

        Raises:
            LmregError: it has no labels.
        """
        raise LmregError(
            f"label_smoothing={amount}: {type(self).__name__} has no labels; pass label_smoothing=0"
        )

    def maps(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Predictions and truth as a person compares them: float32 [B, height, width] each, on one scale,
        the truth NaN where it is missing. For dense tasks only."""
        raise TypeError(f"{type(self).__name__} predicts no maps")

    @property
    def train_column(self) -> str:
        """The training loss's column in ``metrics.csv``, named as the score that it is the loss of."""
        return f"train_{next(iter(self.scores.values())).column}"

    def score(self, name: str) -> Score:
        """The score of that name."""
        return self.scores[name]
