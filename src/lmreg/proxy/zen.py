"""How much features change when the image does, whatever normalisations take away."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lmreg.network.base import layers_of
from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import NormVariances, Probe

_MIXED = 1e-2
_EPSILON = 1e-16


@dataclass
class Config:
    name: str = "zen"


class Zen(Proxy):
    """How much features change with the image, normalisations undone.

    It is the logarithm of the Euclidean norm by which the last block's features change, on average, when
    noise of size 0.01 is added to normal images, plus Σ over the normalisations before of the logarithm of
    the standard deviation that they divide by. All weights are standard normal, so that wide layers count.

    Source: Lin et al., "Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition", ICCV 2021,
    algorithm 1, but with residual links.
    """

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        generator, net = probe.random("zen"), copy.deepcopy(probe.net)
        images, noise = probe.noise(generator), probe.noise(generator)
        blocks = net.net.blocks()
        if not blocks:
            return -math.inf
        seen: list[tuple[Tensor, int]] = []
        norms = NormVariances()
        blocks[-1].register_forward_hook(lambda _, __, output: seen.append((output, len(norms.found))))
        with torch.no_grad(), norms:
            for layer in layers_of(net):
                if layer.weight.requires_grad:
                    layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
            net(images)
            net(images + _MIXED * noise)
        (features, count), (changed, _) = seen
        change = float((features - changed).flatten(1).norm(dim=1).mean())
        scales = sum(0.5 * math.log(float(variance) + _EPSILON) for variance in norms.found[:count])
        return math.log(change) + scales if change > 0 else -math.inf
