"""How strong and how consistent the gradients of each layer are over batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe


@dataclass
class Config:
    name: str = "zico"


class Zico(Proxy):
    """How strong and how consistent over batches the gradients of each layer are.

    It is Σ over layers of log Σ over weights of mean |gradient| / standard deviation of the gradient, both
    over batches. Weights without deviation are left out, and so are layers without such weights.

    Source: Li, Yang, Bhardwaj, Marculescu, "ZiCo: Zero-shot NAS via Inverse Coefficient of Variation on
    Gradients", ICLR 2023, equation 19, and its released code, where the deviation is that of the gradient,
    not of its absolute value.
    """

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        total = 0.0
        for gradients in probe.gradients.weights:
            deviation = gradients.std(0, correction=0)
            ratios = torch.where(deviation > 0, gradients.abs().mean(0) / deviation, 0).sum()
            if ratios > 0:
                total += float(ratios.log())
        return total if total else float("-inf")
