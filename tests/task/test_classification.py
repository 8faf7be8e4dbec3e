from __future__ import annotations

import math

import torch

from lmreg.task.classification import Classification


def test_loss_and_scores_by_hand() -> None:
    task = Classification()
    outputs = torch.log(torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]]))
    targets = torch.tensor([0, 1])
    expected = -(math.log(0.7) + math.log(0.3))
    assert math.isclose(task.loss(outputs, targets).item(), expected / 2, rel_tol=1e-6)
    loss, accuracy = task.measure(outputs, targets).tolist()
    assert math.isclose(loss, expected, rel_tol=1e-6)
    assert accuracy == 100.0  # a sum over images in percent: one of two is right


def test_directions() -> None:
    task = Classification()
    assert task.scores["loss"].sign == -1
    assert task.scores["accuracy"].sign == 1
    assert task.outputs(10) == 10
