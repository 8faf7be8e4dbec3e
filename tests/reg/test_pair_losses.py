"""Values computed by hand, and the sign of the gradient."""

from __future__ import annotations

import pytest
import torch

from lmreg.reg.pair_losses import PAIR_LOSSES

# name, d, β, margin, value. σ(1) = 0.7310586, log(1 + e) = 1.3132617, tanh(1) = 0.7615942.
BY_HAND = [
    ("hinge", 0.5, 1, 1, 0.5),
    ("hinge", -0.5, 1, 1, 0.0),
    ("tanh_hinge", 1.0, 1, 1, 0.7615942),
    ("tanh_hinge", -1.0, 1, 1, 0.0),
    ("softplus", 1.0, 1, 1, 1.3132617),
    ("softplus", 0.5, 2, 1, 0.6566308),  # log(1 + e^(2 · 0.5)) / 2
    ("softplus", 0.0, 7, 1, 0.0990210),  # log 2 / 7
    ("logistic", 1.0, 5, 1, 1.3132617),  # −log(1 − 0.7310586), whatever β is
    ("logistic", -1.0, 1, 1, 0.3132617),
    ("focal", 1.0, 1, 1, 0.2742282),  # 0.7310586⁵ · 1.3132617
    ("focal", 0.0, 1, 1, 0.0216608),  # 0.5⁵ · log 2
    ("margin", -0.3, 1, 1, 0.7),
    ("margin", -1.5, 1, 1, 0.0),
    ("margin", -0.3, 1, 0.1, 0.0),
    ("inverse", -0.5, 1, 1, 0.5),
    ("inverse", 0.5, 1, 1, 0.0),
]


@pytest.mark.parametrize(("name", "d", "beta", "margin", "value"), BY_HAND)
def test_by_hand(name: str, d: float, beta: float, margin: float, value: float) -> None:
    result = PAIR_LOSSES[name](torch.tensor(d, dtype=torch.float64), beta, margin)
    assert result.item() == pytest.approx(value, abs=2e-7)


def test_every_loss_is_worked_out() -> None:
    assert {name for name, *_ in BY_HAND} == set(PAIR_LOSSES)


@pytest.mark.parametrize("name", PAIR_LOSSES)
def test_only_the_negative_control_rewards_disorder(name: str) -> None:
    d = torch.linspace(-2, 2, 41, dtype=torch.float64, requires_grad=True)
    PAIR_LOSSES[name](d, 3.0, 1.0).sum().backward()
    slopes = d.grad if name != "inverse" else -d.grad
    assert (slopes >= 0).all()
    assert (slopes > 0).any()


@pytest.mark.parametrize("name", PAIR_LOSSES)
@pytest.mark.parametrize("d", [-200.0, 200.0])
def test_far_gaps_stay_finite(name: str, d: float) -> None:
    gap = torch.tensor(d, requires_grad=True)
    value = PAIR_LOSSES[name](gap, 7.0, 1.0)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(gap.grad)
