"""The size of the gradients."""

from __future__ import annotations

from dataclasses import dataclass

from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe


@dataclass
class Config:
    name: str = "grad_norm"


class GradNorm(Proxy):
    """How large gradients are.

    It is Σ over layers of the Euclidean norm of the gradient of the layer's weights, on the first batch.

    Source: Abdelfattah, Mehrotra, Dudziak, Lane, "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.
    """

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        return sum(float(gradients[0].norm()) for gradients in probe.gradients.weights)
