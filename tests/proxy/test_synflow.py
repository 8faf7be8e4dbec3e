from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from lmreg.proxy.probe import Probe
from lmreg.proxy.synflow import Config, Synflow


def test_it_is_the_flow_through_absolute_weights(probe: Probe) -> None:
    net = copy.deepcopy(probe.net).double()
    for name, module in list(net.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            parent = net.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], nn.Identity())
    for p in net.parameters():
        p.data.abs_()
    net(torch.ones(1, 3, 8, 8, dtype=torch.float64)).sum().backward()
    expected = sum(
        (p * p.grad).abs().sum().item() for p in net.parameters() if p.ndim > 1 and p.grad is not None
    )
    assert Synflow(Config()).score(probe) == pytest.approx(math.log(expected), rel=1e-6)
