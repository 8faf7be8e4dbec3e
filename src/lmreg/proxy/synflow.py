"""How much all paths through the network carry, without looking at data."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch

from lmreg.network.base import layers_of
from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe, WithoutNorms


@dataclass
class Config:
    name: str = "synflow"


class Synflow(Proxy):
    """How much all paths together carry, by the weights alone.

    It is the logarithm of Σ |θ · ∂R/∂θ| over all weights, with R the sum of the outputs for an image of ones.
    Weights are replaced by their absolute values and normalisations are left out. It is computed in double
    precision, and as a logarithm, since it grows exponentially with depth.

    Source: Tanaka, Kunin, Yamins, Ganguli, "Pruning neural networks without any data by iteratively
    conserving synaptic flow", NeurIPS 2020, equation 2; as a score of architectures: Abdelfattah, Mehrotra,
    Dudziak, Lane, "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.
    """

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        net = copy.deepcopy(probe.net).double()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.abs_()
        ones = torch.ones_like(probe.batches[0].images[:1]).double()
        weights = [layer.weight for layer in layers_of(net) if layer.weight.requires_grad]
        with WithoutNorms():
            total = net(ones).sum()
        found = torch.autograd.grad(total, weights, allow_unused=True)
        flow = sum(
            float((w.detach() * g).abs().sum()) for w, g in zip(weights, found, strict=True) if g is not None
        )
        return math.log(flow) if flow > 0 else -math.inf
