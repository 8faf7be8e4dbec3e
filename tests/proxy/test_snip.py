from __future__ import annotations

import pytest
from tests.proxy.conftest import gradients_of, weights_of

from lmreg.proxy.probe import Probe
from lmreg.proxy.snip import Config, Snip


def test_it_adds_products_of_weight_and_gradient(probe: Probe) -> None:
    pairs = zip(weights_of(probe), gradients_of(probe, 0), strict=True)
    expected = sum((weight * gradient).abs().sum().item() for weight, gradient in pairs)
    assert Snip(Config()).score(probe) == pytest.approx(expected, rel=1e-5)
