"""The one training step of every algorithm, regulariser and stand-alone network."""

from __future__ import annotations

import torch
from torch import Tensor

from lmreg.algo.base import Algorithm
from lmreg.data.images import BatchStream
from lmreg.reg.base import Regulariser
from lmreg.train.context import Context
from lmreg.train.optimise import TrainerConfig, learning_rate


def train_step(
    ctx: Context,
    algo: Algorithm,
    reg: Regulariser,
    train: BatchStream,
    config: TrainerConfig,
) -> Tensor:
    """Advance the weights by one step; returns the mean search loss (a scalar without its graph).

    Every loss is back-propagated as soon as it is yielded, so at most two paths' graphs are alive.
    """
    optimizer = ctx.optimizer
    for group in optimizer.param_groups:
        group["lr"] = group.get("factor", 1) * learning_rate(config, ctx.progress)
    batch = next(train)
    algo.arch_step(ctx, batch)
    optimizer.zero_grad(set_to_none=config.untouched == "skip")
    search_losses = []
    for loss in algo.weight_losses(ctx, batch):
        loss.backward()
        search_losses.append(loss.detach())
    for term in reg.terms(ctx, batch):
        term.backward()
    if config.clip is not None:
        # The optimizer's own list: walking through the network's modules costs 2 % of a small step.
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(weights, config.clip)
    optimizer.step()
    ctx.step += 1
    return torch.stack(search_losses).mean()
