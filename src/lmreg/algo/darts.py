"""First-order DARTS: the weights are trained on the mixture of all operations, the alphas on held-out images.

Source: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section 2.3 with ξ = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from lmreg.algo.alphas import AlphaAlgorithm, AlphaConfig


@dataclass
class Config(AlphaConfig):
    name: str = "darts"


class DARTS(AlphaAlgorithm):
    """Trains every operation of every decision in every step, weighted by softmax(alphas)."""

    def __init__(self, config: Config | None = None):
        super().__init__(config or Config())
