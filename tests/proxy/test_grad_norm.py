from __future__ import annotations

import pytest
from tests.proxy.conftest import gradients_of

from lmreg.proxy.grad_norm import Config, GradNorm
from lmreg.proxy.probe import Probe


def test_it_adds_the_norms_of_layers(probe: Probe) -> None:
    expected = sum(gradient.square().sum().sqrt().item() for gradient in gradients_of(probe, 0))
    assert GradNorm(Config()).score(probe) == pytest.approx(expected, rel=1e-5)
