from __future__ import annotations

import numpy as np
import pytest

from lmreg.proxy.expressivity import entropy
from lmreg.proxy.probe import Probe
from lmreg.proxy.progressivity import Config, Progressivity


def test_it_is_the_smallest_step_between_blocks(probe: Probe) -> None:
    found = [entropy(features.detach()) for features in probe.features]
    steps = np.diff(found)
    assert Progressivity(Config()).score(probe) == pytest.approx(min(steps))
    assert np.ptp(steps) > 0
