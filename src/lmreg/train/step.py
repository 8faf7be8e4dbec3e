"""The training step that all algorithms, regularisers and stand-alone networks share."""

from __future__ import annotations

import torch
from torch import Tensor

from lmreg.algo.base import Algorithm
from lmreg.data.images import BatchStream
from lmreg.reg.base import Regulariser
from lmreg.train.context import Context
from lmreg.train.optimise import TrainerConfig, learning_rate


def train_step(
    ctx: Context, algo: Algorithm, reg: Regulariser, train: BatchStream, config: TrainerConfig
) -> Tensor:
    """Take one step and return the mean of the algorithm's losses, a scalar without its graph.

    Every loss is back-propagated as soon as it is yielded, so the graphs of at most two paths are alive.
    """
    optimizer = ctx.optimizer
    for group in optimizer.param_groups:
        group["lr"] = group.get("factor", 1) * learning_rate(config, ctx.progress)
    batch = next(train)
    algo.arch_step(ctx, batch)
    optimizer.zero_grad(set_to_none=config.untouched == "skip")
    losses = []
    for loss in algo.weight_losses(ctx, batch):
        loss.backward()
        losses.append(loss.detach())
    for term in reg.terms(ctx, batch):
        term.backward()
    if config.clip is not None:
        # From the optimizer: walking through the network's modules would take 2 % of a small step.
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(weights, config.clip)
    optimizer.step()
    ctx.step += 1
    return torch.stack(losses).mean()
