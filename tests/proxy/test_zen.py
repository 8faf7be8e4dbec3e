from __future__ import annotations

import pytest
from tests.proxy.conftest import NONE, MakeProbe

from lmreg.proxy.probe import Probe
from lmreg.proxy.zen import Config, Zen


def test_a_wider_cell_changes_more(make_probe: MakeProbe) -> None:
    small = "|nor_conv_1x1~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
    large = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    of_large = sum(Zen(Config()).score(make_probe(large, seed)) for seed in range(3))
    assert of_large > sum(Zen(Config()).score(make_probe(small, seed)) for seed in range(3))


def test_the_scale_of_the_weights_it_was_given_does_not_matter(probe: Probe) -> None:
    """It draws its own."""
    before = Zen(Config()).score(probe)
    for parameter in probe.net.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(7)
    assert Zen(Config()).score(probe) == pytest.approx(before)


def test_a_dead_cell_changes_nothing(make_probe: MakeProbe) -> None:
    assert Zen(Config()).score(make_probe(NONE)) == float("-inf")
