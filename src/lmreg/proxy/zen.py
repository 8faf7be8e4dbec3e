"""How much features change when the image does, whatever normalisations take away."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import NormVariances, Probe, outputs_of

_MIXED = 1e-2
_EPSILON = 1e-16


@dataclass
class Config:
    name: str = "zen"


class Zen(Proxy):
    """How much features change with the image, normalisations undone.

    It is the logarithm of the mean change of the last block's features when noise of size 0.01 is added to
    normal images, plus Σ over normalisations of the logarithm of the standard deviation that they divide by.

    Source: Lin et al., "Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition", ICCV 2021,
    algorithm 1.
    """

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        images, last = probe.noise(), probe.net.net.blocks()[-1:]
        with torch.no_grad(), outputs_of(last) as outputs:
            with NormVariances() as norms:
                probe.net(images)
            probe.net(images + _MIXED * probe.noise())
        change = float((outputs[0] - outputs[1]).abs().mean())
        scales = sum(0.5 * math.log(float(variance) + _EPSILON) for variance in norms.found)
        return math.log(change) + scales if change > 0 else -math.inf
