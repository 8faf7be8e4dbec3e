"""Landmark regularisation: penalise pairs of landmarks that the super-net orders the wrong way.

Source: Yu, Ranftl, Salzmann, "Landmark Regularization: Ranking Guided Super-Net Training in Neural
Architecture Search", CVPR 2021.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lmreg.config.schema import option
from lmreg.data.images import Batch
from lmreg.errors import LmregError
from lmreg.landmarks.truth import LandmarkSet
from lmreg.network.base import MIXTURES
from lmreg.network.mixture import Choice, soft_one_shot
from lmreg.reg.base import Regulariser
from lmreg.reg.pair_losses import PAIR_LOSSES
from lmreg.reg.pair_samplers import PAIR_SAMPLERS
from lmreg.reg.schedules import SCHEDULES, weight_factor
from lmreg.space.base import Arch
from lmreg.train.context import Context


@dataclass
class Config:
    name: str = "landmark"
    weight: float = option(10.0, min=0, help="λ at its highest")
    warmup: float = option(0.4, min=0, max=1, help="share of the training before the regulariser acts")
    schedule: str = option(
        "cosine_increase",
        choices=list(SCHEDULES),
        help="λ after the warm-up: constant, {cosine,step}_{increase,decrease} or cosine_increase_released",
    )
    pairs: int = option(
        1, min=1, help="m, random pairs (or triples) of landmarks per path; a step of 5 paths has 5 times m"
    )
    sampler: str = option(
        "uniform",
        choices=list(PAIR_SAMPLERS),
        help="which pairs: uniform, top_biased, adjacent, triples or all (which needs a lower weight)",
    )
    pair_loss: str = option(
        "hinge",
        choices=list(PAIR_LOSSES),
        help="hinge, tanh_hinge, softplus, logistic, focal or margin; inverse is a negative control",
    )
    beta: float = option(1.0, min=1e-6, help="sharpness of pair_loss=softplus")
    margin: float = option(1.0, min=0, help="margin of pair_loss=margin, in nats")
    gap_weighted: bool = option(
        False, help="weight each pair by its gap in stand-alone score, in units of the mean gap"
    )
    passes: str = option(
        "path",
        choices=["path", "soft_oneshot"],
        help="how a landmark is evaluated: path, or soft_oneshot: all operations, its own slightly more",
    )
    delta: float = option(
        0.01,
        min=0,
        max=0.5,
        help="δ of passes=soft_oneshot: weight 1/n + δ for its own of n operations, 1/n − δ/(n−1) for others",
    )
    detach: str = option(
        "none",
        choices=["none", "better", "worse"],
        help="side of a pair without gradient: none, better, worse",
    )
    batch: str = option(
        "rank",
        choices=["rank", "train"],
        help="images the regulariser acts on: a batch of the rank split (rank), or the training's (train)",
    )
    batch_size: int | None = option(
        None, min=2, help="images per rank batch; null: as many as trainer.batch_size"
    )
    min_gap_se: float = option(
        0.0, min=0, help="smallest gap of a pair, in standard errors of the gap; ties are never pairs"
    )
    skip_satisfied: bool = option(
        True, help="skip the backward pass of pairs whose loss is 0: same result, faster"
    )

    def __post_init__(self) -> None:
        if self.batch == "train" and self.batch_size is not None:
            raise ValueError("batch_size goes with batch=rank; the training batch has trainer.batch_size")


class Landmark(Regulariser):
    """λ(t) · Σ pair_loss(L(better) − L(worse)) over the step's pairs, all on the same batch.

    A step that trains K paths has K times as many pairs, so that λ weighs pairs against paths as in steps of
    one path. If there are fewer pairs to draw, each has more weight.
    """

    needs_landmarks = True

    @classmethod
    def needs(cls, config: Config) -> frozenset[str]:
        return frozenset({MIXTURES} if config.passes == "soft_oneshot" else ())

    def __init__(self, config: Config, landmarks: LandmarkSet | None):
        if landmarks is None:
            raise LmregError("reg=landmark needs landmarks; 'lmreg train-landmarks' makes them")
        self.config, self.batch_size, self.warmup = config, config.batch_size, config.warmup
        self._archs = landmarks.archs
        self._soft: dict[Arch, Choice] = {}
        self._pairs = landmarks.pairs(config.min_gap_se)
        # In units of the mean gap over all pairs, so that λ means the same whatever the score's unit.
        gaps = np.abs(landmarks.scores[:, None] - landmarks.scores[None, :])
        self._gaps = gaps / gaps[tuple(self._pairs.T)].mean()
        # Sums over [all pairs, violated pairs, pair loss] since the last report.
        self._sums: Tensor | None = None
        self._weight = 0.0

    def weight(self, progress: float) -> float:
        """Return λ at ``progress`` in [0, 1] of the training."""
        return self.config.weight * weight_factor(self.config.schedule, progress, self.config.warmup)

    def terms(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        config = self.config
        self._weight = self.weight(ctx.progress)
        if self._weight == 0:
            return
        if config.batch == "rank":
            batch = next(ctx.rank_batches)
        paths = ctx.paths_per_step
        groups = PAIR_SAMPLERS[config.sampler](self._pairs, paths * config.pairs, ctx.streams.reg)
        # The number of groups in a step of one path, whatever the sampler makes of its count.
        for_one_path = min(config.pairs, len(groups))
        weight = self._weight * (paths * for_one_path / len(groups))
        for pairs in groups:
            costs = self._costs(ctx, pairs, batch)
            if config.skip_satisfied:
                # A cost of 0 has no gradient. Waiting for the device takes less than the saved backward pass.
                positive = (torch.stack(costs).detach() > 0).tolist()
                costs = [cost for cost, keep in zip(costs, positive, strict=True) if keep]
            if costs:
                yield weight * torch.stack(costs).sum()

    def _costs(self, ctx: Context, pairs: np.ndarray, batch: Batch) -> list[Tensor]:
        """Return the pair loss of each of ``pairs``, scalars; every landmark is evaluated once."""
        members = np.unique(pairs)
        # With more than two landmarks, graphs are recomputed in the backward pass: one in memory at a time.
        loss = ctx.loss if len(members) == 2 else functools.partial(checkpoint, ctx.loss, use_reentrant=False)
        losses = {i: loss(self._choice(ctx, self._archs[i]), batch) for i in members}
        config, costs, violated = self.config, [], []
        for better, worse in pairs:
            one, other = losses[better], losses[worse]
            d = (one.detach() if config.detach == "better" else one) - (
                other.detach() if config.detach == "worse" else other
            )
            violated.append(d.detach() > 0)
            if config.gap_weighted:
                d = d * self._gaps[better, worse]
            costs.append(PAIR_LOSSES[config.pair_loss](d, config.beta, config.margin))
        values = torch.stack(costs).detach()
        figures = torch.stack([torch.ones_like(values), torch.stack(violated).to(values), values]).sum(1)
        self._sums = figures if self._sums is None else self._sums + figures
        return costs

    def _choice(self, ctx: Context, arch: Arch) -> Choice:
        """Return the path or mixture that represents a landmark; it has no gradient of its own."""
        if self.config.passes == "path":
            return arch
        if arch not in self._soft:
            counts = [len(options) for options in ctx.space.options]
            like = next(ctx.net.parameters()).detach()
            self._soft[arch] = soft_one_shot(arch, counts, self.config.delta, like)
        return self._soft[arch]

    def figures(self) -> dict[str, float]:
        count, violated, cost = (0.0, 0.0, 0.0) if self._sums is None else self._sums.tolist()
        self._sums = None
        count = count or float("nan")
        return {"reg_weight": self._weight, "violated_share": violated / count, "pair_loss": cost / count}

    def state_dict(self) -> dict[str, Any]:
        return {"sums": self._sums, "weight": self._weight}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._sums, self._weight = state["sums"], state["weight"]
