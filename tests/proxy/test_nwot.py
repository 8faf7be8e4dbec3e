from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lmreg.proxy.nwot import Config, Nwot
from lmreg.proxy.probe import Probe


def test_it_counts_units_in_which_two_images_agree(probe: Probe) -> None:
    """With pairs of images compared one by one."""
    code = torch.cat(probe.active_units, 1).numpy()
    agreements = np.array([[(a == b).sum() for a in code] for b in code], float)
    assert Nwot(Config()).score(probe) == pytest.approx(np.linalg.slogdet(agreements)[1], rel=1e-5)


def test_units_are_those_of_all_rectifiers(probe: Probe) -> None:
    inputs: list[torch.Tensor] = []
    for module in probe.net.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_pre_hook(lambda _, args: inputs.append(args[0].detach().clone()))
    units = probe.active_units
    assert len(units) >= len(inputs) > 5
    seen = {tuple((x > 0).flatten(1)[0].tolist()) for x in inputs}
    assert seen <= {tuple(unit[0].tolist()) for unit in units}
