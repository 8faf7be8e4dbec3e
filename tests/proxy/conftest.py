"""A small network with known parts, and ways to look at it that share nothing with `lmreg.proxy.probe`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from lmreg.data.base import InputShape
from lmreg.data.images import Batch
from lmreg.network.base import initialise
from lmreg.network.nasbench201 import Config as NetworkConfig
from lmreg.network.nasbench201 import NASBench201Network
from lmreg.proxy.probe import Probe
from lmreg.space.nasbench201 import NASBench201
from lmreg.task.classification import Classification

MIXED = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_3x3~2|"
NONE = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"

MakeProbe = Callable[..., Probe]


@pytest.fixture
def make_probe(space: NASBench201) -> MakeProbe:
    """Make a probe of a cell: ``make_probe(text, seed=0)``, always of the same two batches of six images."""

    def make(text: str = MIXED, seed: int = 0) -> Probe:
        torch.manual_seed(1)
        shape = InputShape(3, 8, 8)
        alone = NASBench201Network(NetworkConfig(channels=4), space, shape, 5).standalone(space.parse(text))
        initialise(alone)
        batches = [Batch(torch.randn(6, 3, 8, 8), torch.randint(5, (6,))) for _ in range(2)]
        return Probe(alone, Classification(), batches, torch.Generator().manual_seed(seed))

    return make


@pytest.fixture
def probe(make_probe: MakeProbe) -> Probe:
    return make_probe()


def weights_of(probe: Probe) -> list[torch.Tensor]:
    """The weights of convolutions and the classifier, which have two dimensions or more."""
    return [p for p in probe.net.parameters() if p.ndim > 1]


def gradients_of(probe: Probe, batch: int) -> list[torch.Tensor]:
    """The gradients of `weights_of` for the loss of a batch, by back-propagation into ``grad``."""
    probe.net.zero_grad()
    images, targets = probe.batches[batch].images, probe.batches[batch].targets
    torch.nn.functional.cross_entropy(probe.net(images), targets).backward()
    found = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in weights_of(probe)]
    probe.net.zero_grad()
    return found
