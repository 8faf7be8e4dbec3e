"""Second-order DARTS: the alphas' gradient includes the next step of the weights.

Source: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, equations 5 to 7. Here
the gradient is exact; the paper ignores momentum in the derivative and uses finite differences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call

from lmreg.algo.alphas import AlphaAlgorithm, AlphaConfig
from lmreg.data.images import Batch
from lmreg.train.context import Context


@dataclass
class Config(AlphaConfig):
    name: str = "darts2"


class DARTS2(AlphaAlgorithm):
    """Differentiates the held-out loss after one step of the weights on the search loss.

    The step is that of the optimizer, with momentum and weight decay, but without clipping and the
    regulariser's terms.
    """

    def __init__(self, config: Config | None = None):
        super().__init__(config or Config())

    def alpha_gradients(self, ctx: Context, train: Batch, held_out: Batch) -> Sequence[Tensor]:
        mixture = self.mixture(ctx)
        weights = {name: p for name, p in ctx.net.named_parameters() if p.requires_grad}

        def loss(batch: Batch, weights: Mapping[str, Tensor]) -> Tensor:
            outputs = functional_call(ctx.net, dict(weights), (batch.images, mixture))
            return ctx.task.loss(outputs, batch.targets)

        gradients = torch.autograd.grad(
            loss(train, weights), list(weights.values()), create_graph=True, materialize_grads=True
        )
        after = after_step(ctx.optimizer, weights, gradients)
        parameters = list(self._parameters.values())
        return torch.autograd.grad(loss(held_out, after), parameters, materialize_grads=True)


def after_step(
    optimizer: torch.optim.SGD, weights: Mapping[str, Tensor], gradients: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Return the weights after a step of ``optimizer`` with these gradients, differentiable in them."""
    group_of = {weight: group for group in optimizer.param_groups for weight in group["params"]}
    after = {}
    for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
        group = group_of[weight]
        direction = gradient + group["weight_decay"] * weight
        if group["momentum"] != 0:
            buffer = optimizer.state[weight].get("momentum_buffer")
            velocity = direction if buffer is None else group["momentum"] * buffer + direction
            direction = direction + group["momentum"] * velocity if group["nesterov"] else velocity
        after[name] = weight - group["lr"] * direction
    return after
