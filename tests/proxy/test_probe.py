from __future__ import annotations

import math

import pytest
import torch
from tests.proxy.conftest import NONE, MakeProbe

from lmreg.config.build import choice_of
from lmreg.config.catalogue import choices
from lmreg.proxy.base import Proxy


def proxy(name: str) -> Proxy:
    cls, config = choice_of("proxy", name, Proxy)  # type: ignore[type-abstract]
    return cls(config)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", choices("proxy"))
def test_a_score_changes_nothing(name: str, make_probe: MakeProbe) -> None:
    probe = make_probe()
    before = {key: value.clone() for key, value in probe.net.state_dict().items()}
    drawn = torch.get_rng_state()
    proxy(name).score(probe)
    assert all(torch.equal(before[key], value) for key, value in probe.net.state_dict().items())
    assert all(p.grad is None for p in probe.net.parameters())
    assert probe.net.training
    assert all(not module._forward_hooks for module in probe.net.modules())
    assert torch.equal(torch.get_rng_state(), drawn)


@pytest.mark.parametrize("name", choices("proxy"))
def test_a_score_does_not_depend_on_those_before(name: str, make_probe: MakeProbe) -> None:
    probe = make_probe()
    for other in choices("proxy"):
        proxy(other).score(probe)
    assert proxy(name).score(probe) == proxy(name).score(make_probe())


@pytest.mark.parametrize("name", choices("proxy"))
def test_a_dead_network_has_a_score_that_is_no_error(name: str, make_probe: MakeProbe) -> None:
    cell = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
    alive, dead = (proxy(name).score(make_probe(text)) for text in (cell, NONE))
    assert math.isfinite(alive)
    assert not dead > alive or name == "jacob_cov"
