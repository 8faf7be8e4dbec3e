from __future__ import annotations

import numpy as np
import pytest
import torch

from lmreg.proxy.expressivity import Config, Expressivity, entropy
from lmreg.proxy.probe import Probe


def test_the_entropy_is_that_of_the_eigenvalues(rng: np.random.Generator) -> None:
    features = rng.normal(size=(4, 3, 5, 5)) * np.array([1.0, 2.0, 3.0])[None, :, None, None]
    rows = features.transpose(0, 2, 3, 1).reshape(-1, 3)
    values = np.linalg.eigvalsh(np.cov(rows.T, bias=True))
    shares = values / values.sum()
    assert entropy(torch.from_numpy(features)) == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-5)


def test_equal_channels_have_none_and_independent_ones_the_most() -> None:
    one = torch.randn(64, 1, 8, 8)
    assert entropy(one.repeat(1, 4, 1, 1)) == pytest.approx(0, abs=1e-3)
    assert entropy(torch.randn(64, 4, 8, 8)) == pytest.approx(np.log(4), abs=0.01)


def test_it_adds_up_the_blocks(probe: Probe) -> None:
    outputs: list[torch.Tensor] = []
    for block in probe.net.net.blocks():
        block.register_forward_hook(lambda _, __, output: outputs.append(output.detach()))
    score = Expressivity(Config()).score(probe)
    assert len(outputs) == len(probe.net.net.blocks()) > 3
    assert score == pytest.approx(sum(map(entropy, outputs)), rel=1e-6)
