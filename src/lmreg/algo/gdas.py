"""GDAS: each step samples one path from the alphas, and gradients reach them straight through.

Source: Dong & Yang, "Searching for a Robust Neural Architecture in Four GPU Hours", CVPR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from lmreg.algo.alphas import AlphaAlgorithm, AlphaConfig
from lmreg.config.schema import option
from lmreg.network.mixture import Mixture
from lmreg.train.context import Context


@dataclass
class Config(AlphaConfig):
    name: str = "gdas"
    temperature: float = option(
        10.0, min=1e-3, help="temperature of the Gumbel softmax until the alphas start to learn"
    )
    temperature_end: float = option(0.1, min=1e-3, help="temperature after the last step; linear in between")


class GDAS(AlphaAlgorithm):
    """Hard Gumbel samples: one operation per decision is evaluated, forwards and backwards."""

    config: Config

    def __init__(self, config: Config | None = None):
        super().__init__(config or Config())
        self._temperature = self.config.temperature

    def temperature(self, progress: float) -> float:
        """Linear over the phase in which the alphas learn, constant before; ``progress`` in [0, 1]."""
        config = self.config
        learning = 1 - config.alpha_warmup
        share = max(0.0, progress - config.alpha_warmup) / learning if learning > 0 else 0.0
        return config.temperature + min(1.0, share) * (config.temperature_end - config.temperature)

    def mixture(self, ctx: Context) -> Mixture:
        self._temperature = self.temperature(ctx.progress)
        noise = torch.empty_like(self._parameters["alphas"], requires_grad=False)
        noise.exponential_(generator=ctx.streams.gumbel).log_().neg_()
        rows, chosen = [], []
        for alphas, gumbel in zip(self.alphas, noise.split(self._counts), strict=True):
            soft = ((alphas.log_softmax(0) + gumbel) / self._temperature).softmax(0)
            hard = soft.argmax(0)
            rows.append(F.one_hot(hard, len(soft)) + (soft - soft.detach()))
            chosen.append(hard)
        return Mixture(tuple(rows), active=tuple(torch.stack(chosen).tolist()))

    def figures(self) -> dict[str, float]:
        return super().figures() | {"temperature": self._temperature}
