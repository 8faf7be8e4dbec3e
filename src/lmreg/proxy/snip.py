"""How much the loss depends on the weights."""

from __future__ import annotations

from dataclasses import dataclass

from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe


@dataclass
class Config:
    name: str = "snip"


class Snip(Proxy):
    """How much the loss depends on the weights: Σ |weight · gradient| on the first batch.

    Source: Lee, Ajanthan, Torr, "SNIP: Single-shot Network Pruning based on Connection Sensitivity", ICLR
    2019; as a score of architectures: Abdelfattah et al., ICLR 2021.
    """

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        pairs = zip(probe.layers, probe.gradients.weights, strict=True)
        return sum(float((layer.weight.detach().flatten() * g[0]).abs().sum()) for layer, g in pairs)
