"""Pair losses: functions of d = L(better) − L(worse), the difference of the super-net's losses in nats.

To add one, write a function and add it to `PAIR_LOSSES`; ``reg.pair_loss=<name>`` then selects it.

Source: the variants of the released code of Yu, Ranftl, Salzmann, CVPR 2021. Its gap-weighted forms are
``reg.gap_weighted=true`` with any of these.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

PairLoss = Callable[[Tensor, float, float], Tensor]
"""Maps d (any shape), β and the margin in nats to the loss, of the same shape as d."""


def hinge(d: Tensor, beta: float, margin: float) -> Tensor:
    """max(0, d), the paper's loss: zero for a pair in the right order."""
    return torch.relu(d)


def tanh_hinge(d: Tensor, beta: float, margin: float) -> Tensor:
    """max(0, tanh d): at most 1, so that no single pair dominates a step."""
    return torch.relu(torch.tanh(d))


def softplus(d: Tensor, beta: float, margin: float) -> Tensor:
    """log(1 + exp(β d)) / β: a smooth hinge, positive for pairs in the right order too."""
    return F.softplus(d, beta)


def logistic(d: Tensor, beta: float, margin: float) -> Tensor:
    """−log(1 − σ(d)), the negative log-likelihood of the right order (Bradley-Terry)."""
    return F.softplus(d)


def focal(d: Tensor, beta: float, margin: float) -> Tensor:
    """−σ(d)⁵ log(1 − σ(d)): the logistic loss, down-weighted for pairs in nearly the right order."""
    return torch.sigmoid(d) ** 5 * F.softplus(d)


def margin_hinge(d: Tensor, beta: float, margin: float) -> Tensor:
    """max(0, margin + d): zero for a pair in the right order by at least the margin."""
    return torch.relu(margin + d)


def inverse(d: Tensor, beta: float, margin: float) -> Tensor:
    """max(0, −d): penalises the *right* order, as a negative control that must harm the ranking."""
    return torch.relu(-d)


PAIR_LOSSES: dict[str, PairLoss] = {
    "hinge": hinge,
    "tanh_hinge": tanh_hinge,
    "softplus": softplus,
    "logistic": logistic,
    "focal": focal,
    "margin": margin_hinge,
    "inverse": inverse,
}
