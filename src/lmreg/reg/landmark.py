"""Landmark regularisation: penalise pairs of landmarks that the super-net orders the wrong way.

Source: Yu, Ranftl, Salzmann, "Landmark Regularization: Ranking Guided Super-Net Training in Neural
Architecture Search", CVPR 2021.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lmreg.config.schema import option
from lmreg.context import Context
from lmreg.data.images import Batch
from lmreg.errors import LmregError
from lmreg.reg.base import Regulariser
from lmreg.reg.schedules import SCHEDULES, after_warmup
from lmreg.truth import LandmarkSet


@dataclass
class Config:
    name: str = "landmark"
    weight: float = option(10.0, min=0, help="λ at the end of training")
    warmup: float = option(0.4, min=0, max=1, help="share of the training before the regulariser acts")
    schedule: str = option("cosine_increase", choices=list(SCHEDULES), help="how λ grows after the warm-up")
    pairs: int = option(1, min=1, help="m, random pairs of landmarks per step")
    min_gap_se: float = option(0.0, min=0, help="least gap of a pair, in standard errors of the gap")
    skip_satisfied: bool = option(True, help="skip the backward pass of satisfied pairs: same result, faster")


class Landmark(Regulariser):
    """λ(t) · Σ max(0, L(better) − L(worse)) over m random pairs on one held-out batch per step."""

    needs_landmarks = True

    def __init__(self, config: Config, landmarks: LandmarkSet | None):
        if landmarks is None:
            raise LmregError("reg=landmark needs landmarks; 'lmreg train-landmarks' makes them")
        self.config = config
        self._archs = landmarks.archs
        self._pairs = landmarks.pairs(config.min_gap_se)
        # Sums over [all pairs, violated pairs, hinge] since the last report.
        self._sums: Tensor | None = None
        self._weight = 0.0

    def weight(self, progress: float) -> float:
        """λ at ``progress`` in [0, 1] of the training."""
        after = after_warmup(progress, self.config.warmup)
        return 0.0 if after is None else self.config.weight * SCHEDULES[self.config.schedule](after)

    def terms(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        self._weight = self.weight(ctx.progress)
        if self._weight == 0:
            return
        assert ctx.rank_batches is not None
        held_out = next(ctx.rank_batches)
        count = min(self.config.pairs, len(self._pairs))
        for index in ctx.streams.reg.choice(len(self._pairs), count, replace=False):
            better, worse = (self._archs[i] for i in self._pairs[index])
            hinge = torch.relu(ctx.loss(better, held_out) - ctx.loss(worse, held_out))
            self._record(hinge.detach())
            # The gradient of a satisfied pair is zero, so leaving it out changes nothing. Asking
            # waits for the device, which costs less than the backward pass it saves.
            if self.config.skip_satisfied and not hinge > 0:
                continue
            yield self._weight * hinge

    def _record(self, hinge: Tensor) -> None:
        figures = torch.stack([torch.ones_like(hinge), (hinge > 0).to(hinge), hinge])
        self._sums = figures if self._sums is None else self._sums + figures

    def figures(self) -> dict[str, float]:
        count, violated, hinge = (0.0, 0.0, 0.0) if self._sums is None else self._sums.tolist()
        self._sums = None
        nothing = float("nan")
        return {
            "reg_weight": self._weight,
            "violated_share": violated / count if count else nothing,
            "hinge_nats": hinge / count if count else nothing,
        }

    def state_dict(self) -> dict[str, Any]:
        return {"sums": self._sums, "weight": self._weight}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._sums, self._weight = state["sums"], state["weight"]
