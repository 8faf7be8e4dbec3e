from __future__ import annotations

from lmreg.proxy.params import Config, Params
from lmreg.proxy.probe import Probe


def test_it_counts_every_parameter(probe: Probe) -> None:
    assert Params(Config()).score(probe) == sum(p.numel() for p in probe.net.parameters()) > 0
