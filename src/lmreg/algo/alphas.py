"""What differentiable algorithms share: architecture parameters (alphas), their phase, their end.

A training has up to three phases: weights alone, weights with the regulariser (from `reg.warmup` on),
and alphas besides (from `alpha_warmup` on). The regulariser never reaches the alphas: what it
evaluates are discrete paths, or mixtures of fixed weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmreg.algo.base import Algorithm
from lmreg.config.schema import option
from lmreg.data.images import Batch
from lmreg.network.base import MIXTURES
from lmreg.network.mixture import Mixture
from lmreg.space.base import Arch
from lmreg.space.draw import draw_up_to
from lmreg.train.context import Context


@dataclass
class AlphaConfig:
    """What every differentiable algorithm's config has."""

    name: str = ""
    alpha_warmup: float = option(
        0.6, min=0, max=1, help="share of the training before the alphas learn (apart from reg.warmup)"
    )
    alpha_lr: float = option(
        0.01,
        min=0,
        help="learning rate of the alphas' Adam (the papers: 3e-4 to 6e-4, for 20 times as many steps)",
    )
    alpha_beta1: float = option(0.5, min=0, max=0.9999, help="first momentum of the alphas' Adam")
    alpha_weight_decay: float = option(1e-3, min=0, help="weight decay of the alphas")
    alpha_split: str = option(
        "rank",
        choices=["rank", "score", "train"],
        help="split whose images the alphas learn from: rank (as the regulariser), score or train",
    )


class AlphaAlgorithm(Algorithm):
    """Architecture parameters learned by gradient descent beside the weights, which train on a mixture.

    A decision's options have probabilities softmax(alphas); alphas start at 0, all options alike.
    """

    needs = frozenset({MIXTURES})

    def __init__(self, config: AlphaConfig):
        self.config = config
        self.alpha_split = config.alpha_split
        self._parameters: dict[str, Tensor] = {}
        self._counts: list[int] = []

    def begin(self, ctx: Context) -> None:
        self._counts = [len(options) for options in ctx.space.options]
        device = next(ctx.net.parameters()).device
        sizes = {"alphas": sum(self._counts)} | self.more_parameters(ctx)
        self._parameters = {
            n: torch.zeros(size, device=device, requires_grad=True) for n, size in sizes.items()
        }
        config = self.config
        self._adam = torch.optim.Adam(
            list(self._parameters.values()),
            lr=config.alpha_lr,
            betas=(config.alpha_beta1, 0.999),
            weight_decay=config.alpha_weight_decay,
        )

    def more_parameters(self, ctx: Context) -> dict[str, int]:
        """Names and sizes of other architecture parameters that learn along."""
        return {}

    @property
    def alphas(self) -> tuple[Tensor, ...]:
        """One tensor [options] per decision, views of one parameter."""
        return self._parameters["alphas"].split(self._counts)

    def mixture(self, ctx: Context) -> Mixture:
        """What the super-net evaluates in a step: of the alphas as they are, with their graph."""
        return Mixture(tuple(row.softmax(0) for row in self.alphas))

    def weight_losses(self, ctx: Context, batch: Batch) -> Iterator[Tensor]:
        with torch.no_grad():
            mixture = self.mixture(ctx)
        yield ctx.loss(mixture, batch)

    def arch_step(self, ctx: Context, train: Batch) -> None:
        if ctx.progress < self.config.alpha_warmup:
            return
        assert ctx.alpha_batches is not None
        gradients = self.alpha_gradients(ctx, train, next(ctx.alpha_batches))
        for parameter, gradient in zip(self._parameters.values(), gradients, strict=True):
            parameter.grad = gradient
        self._adam.step()

    def alpha_gradients(self, ctx: Context, train: Batch, held_out: Batch) -> Sequence[Tensor]:
        """Of the held-out loss, one for each architecture parameter; the weights get none."""
        loss = ctx.loss(self.mixture(ctx), held_out)
        return torch.autograd.grad(loss, list(self._parameters.values()), materialize_grads=True)

    def probabilities(self) -> list[np.ndarray]:
        """Of every decision's options, float64 [options], by the alphas as they are."""
        return [row.detach().double().softmax(0).cpu().numpy() for row in self.alphas]

    def strengths(self) -> list[np.ndarray]:
        """How strong every decision's options are, also beside those of other decisions, [options] each."""
        return self.probabilities()

    def discretised(self, ctx: Context) -> Arch | None:
        if not self._parameters["alphas"].any():  # still all alike: nothing is learned yet
            return None
        return ctx.space.strongest(self.strengths())

    def propose(self, ctx: Context, count: int) -> list[Arch]:
        strengths, rng = self.strengths(), ctx.streams.arch
        return draw_up_to(ctx.space, lambda: ctx.space.sample_from(strengths, rng), count)

    def figures(self) -> dict[str, float]:
        """``alpha_entropy_nats``: mean over decisions; log(options) before anything is learned."""
        entropies = [-float(p @ np.log(p.clip(1e-300))) for p in self.probabilities()]
        return {"alpha_entropy_nats": float(np.mean(entropies))}

    def state_dict(self) -> dict[str, Any]:
        return {**self._parameters, "adam": self._adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(state[name])
        self._adam.load_state_dict(state["adam"])
