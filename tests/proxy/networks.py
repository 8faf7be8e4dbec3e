"""Small real networks for the tests of training-free scores, and probes of them."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from lmreg.config import catalogue
from lmreg.config.build import choice_of
from lmreg.data.base import InputShape
from lmreg.data.images import Batch
from lmreg.network.base import Standalone, SuperNet, initialise
from lmreg.network.mixture import Choice
from lmreg.network.nasbench201 import Config, NASBench201Network
from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe
from lmreg.space.base import Arch
from lmreg.space.nasbench201 import NASBench201
from lmreg.task.classification import Classification

SPACE = NASBench201()
EVERY_OPERATION = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"
DEAD = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
SHAPE, CLASSES, CHANNELS = InputShape(3, 8, 8), 5, 4


class Row(SuperNet):
    """Blocks in a row, the mean over pixels, a linear layer."""

    def __init__(self, *blocks: nn.Module, features: int, outputs: int = 2):
        super().__init__()
        self.body = nn.ModuleList(blocks)
        self.classifier = nn.Linear(features, outputs)

    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        for block in self.body:
            x = block(x)
        outputs: Tensor = self.classifier(x.mean((2, 3)))
        return outputs

    def standalone(self, arch: Arch) -> Standalone:
        return Standalone(copy.deepcopy(self), arch)


def row(*blocks: nn.Module, features: int, outputs: int = 2, seed: int = 0) -> Standalone:
    """Return the network of these blocks, initialised."""
    net = Row(*blocks, features=features, outputs=outputs)
    return drawn(Standalone(net, Arch("row", ())), seed)


def cell_network(text: str = EVERY_OPERATION, channels: int = CHANNELS, seed: int = 0) -> Standalone:
    """Return a network of NAS-Bench-201 with a cell per stage, initialised."""
    return drawn(_supernet(channels).standalone(SPACE.parse(text)), seed)


@functools.cache
def _supernet(channels: int) -> NASBench201Network:
    return NASBench201Network(Config(channels=channels, cells=1), SPACE, SHAPE, CLASSES)


def drawn(alone: Standalone, seed: int) -> Standalone:
    """Initialise a network with weights from ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        initialise(alone)
    return alone


def random_batches(
    images: int = 6, shape: InputShape = SHAPE, classes: int = CLASSES, seed: int = 0
) -> list[Batch]:
    """Return two batches of normal images with random labels."""
    generator = torch.Generator().manual_seed(seed)
    sizes = (images, shape.channels, shape.height, shape.width)
    return [
        Batch(torch.randn(sizes, generator=generator), torch.randint(classes, (images,), generator=generator))
        for _ in range(2)
    ]


def probed(net: Standalone, batches: Sequence[Batch] | None = None, seed: int = 0) -> Probe:
    """Return a new probe of the network."""
    given = random_batches() if batches is None else batches
    return Probe(net, Classification(), given, torch.Generator().manual_seed(seed))


@functools.cache
def proxies() -> dict[str, Proxy]:
    """Return every score of the catalogue by its name."""
    found = {}
    for name in catalogue.choices("proxy"):
        cls, config = choice_of("proxy", name, Proxy)
        found[name] = cls(config)  # type: ignore[call-arg]
    return found


def linear_gradient(weight: np.ndarray, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the gradient of the mean cross-entropy of ``inputs`` @ ``weight``.T, worked out by hand."""
    gradient: np.ndarray = output_gradient(inputs @ weight.T, labels).T @ inputs
    return gradient


def output_gradient(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the gradient of the mean cross-entropy with respect to the logits: (p − truth) / images."""
    exponentials = np.exp(logits)
    chances = exponentials / exponentials.sum(1, keepdims=True)
    gradient: np.ndarray = (chances - np.eye(logits.shape[1])[labels]) / len(logits)
    return gradient
