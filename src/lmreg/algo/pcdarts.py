"""PC-DARTS: only a part of the channels passes through the mixture, and edges have weights too.

Source: Xu et al., "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search", ICLR
2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lmreg.algo.alphas import AlphaAlgorithm, AlphaConfig
from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.network.base import MIXTURES, PARTIAL_CHANNELS
from lmreg.network.mixture import Mixture
from lmreg.space.base import Space
from lmreg.train.context import Context


@dataclass
class Config(AlphaConfig):
    name: str = "pcdarts"
    partial: int = option(4, min=1, help="k: 1/k of the channels pass through the operations")


class PCDARTS(AlphaAlgorithm):
    """DARTS on a super-net with partial channels and with normalised weights of the edges into each node."""

    needs = frozenset({MIXTURES, PARTIAL_CHANNELS})
    config: Config

    def __init__(self, config: Config | None = None):
        super().__init__(config or Config())

    def check(self, space: Space) -> None:
        if not space.targets:
            raise LmregError(f"algo=pcdarts needs decisions on edges of a graph; {space.name} has none")

    def network_options(self) -> dict[str, int]:
        return {"partial": self.config.partial}

    def begin(self, ctx: Context) -> None:
        super().begin(ctx)
        targets = torch.tensor(ctx.space.targets, device=next(ctx.net.parameters()).device)
        self._same_target = targets[:, None] == targets[None, :]

    def more_parameters(self, ctx: Context) -> dict[str, int]:
        return {"edges": len(ctx.space.targets)}

    def mixture(self, ctx: Context) -> Mixture:
        return Mixture(super().mixture(ctx).weights, edges=self._edge_weights())

    def strengths(self) -> list[np.ndarray]:
        """Return the probabilities times the weights of their edges, as in the paper's section 3.3."""
        weights = self._edge_weights().detach().double().cpu().numpy()
        return [weight * row for weight, row in zip(weights, self.probabilities(), strict=True)]

    def _edge_weights(self) -> Tensor:
        """Return each edge's normalised weight among the edges into the same node, [decisions]."""
        # Row e has the normalised weights of the edges into the target of edge e; the diagonal is e's own.
        return torch.where(self._same_target, self._parameters["edges"], -torch.inf).softmax(1).diagonal()
