from __future__ import annotations

import numpy as np
import pytest
from tests.proxy.conftest import gradients_of

from lmreg.proxy.probe import Probe
from lmreg.proxy.zico import Config, Zico


def test_it_is_the_inverse_coefficient_of_variation_over_batches(probe: Probe) -> None:
    expected = 0.0
    for one, two in zip(gradients_of(probe, 0), gradients_of(probe, 1), strict=True):
        both = np.stack([one.flatten().numpy(), two.flatten().numpy()])
        deviation = both.std(0)
        ratios = np.abs(both).mean(0)[deviation > 0] / deviation[deviation > 0]
        expected += np.log(ratios.sum())
    assert Zico(Config()).score(probe) == pytest.approx(expected, rel=1e-4)
