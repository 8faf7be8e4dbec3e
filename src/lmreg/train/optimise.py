"""The optimizer and the learning-rate schedule of super-nets and stand-alone networks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from lmreg.config.schema import option
from lmreg.network.base import SuperNet


@dataclass
class TrainerConfig:
    name: str = "trainer"
    epochs: float = option(
        1.0,
        min=0.01,
        help="budget in passes over the training images, each batch by one path: a step of several paths "
        "counts as several batches, so that equal epochs are equal budgets",
    )
    paths: int | None = option(
        None, min=1, help="budget in paths, each trained on one batch; null: by epochs", before=None
    )
    steps: int | None = option(
        None, min=1, help="budget in optimizer steps, whatever paths they have; null: by paths or epochs"
    )
    batch_size: int = option(64, min=2, help="images per step")
    lr: float = option(0.1, min=0, help="learning rate at its highest")
    lr_min: float = option(0.0, min=0, help="learning rate at the end of its cosine schedule")
    lr_warmup: float = option(
        0.0, min=0, max=1, help="share of the training in which the learning rate rises linearly"
    )
    momentum: float = option(0.9, min=0, max=1, help="momentum of SGD")
    nesterov: bool = option(False, help="use Nesterov's momentum")
    weight_decay: float = option(5e-4, min=0, help="weight decay of all weights")
    clip: float | None = option(5.0, min=0, help="largest gradient norm over all weights; null: no clipping")
    untouched: str = option(
        "decay",
        choices=["decay", "skip"],
        before="decay",
        help="weights without a gradient in a step: momentum and weight decay move them too (decay), or they "
        "stay as they are (skip)",
    )

    def __post_init__(self) -> None:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov=true needs momentum above 0")
        if self.clip == 0:
            raise ValueError("clip=0 would remove every gradient; clip=null means no clipping")
        if self.steps is not None and self.paths is not None:
            raise ValueError(f"steps={self.steps} and paths={self.paths} both say how long; give one of them")

    def total_steps(self, batches_per_epoch: int, paths_per_step: int = 1) -> int:
        """Return the number of optimizer steps of the whole training, at least 1.

        Unless ``steps`` gives it, it is the number that trains about as many paths as the budget allows.
        """
        paths = self.paths or self.epochs * batches_per_epoch
        return self.steps or max(1, round(paths / paths_per_step))


PRESETS = (
    TrainerConfig(name="supernet", epochs=12, lr=0.05, lr_min=0.001),
    TrainerConfig(name="standalone", epochs=3, lr_warmup=0.1, nesterov=True),
    TrainerConfig(name="retrain", epochs=200, batch_size=96, lr=0.025, weight_decay=3e-4),
)
"""The choices of the config group ``trainer``. Retraining: DARTS has 600 epochs."""


def learning_rate(config: TrainerConfig, progress: float) -> float:
    """Return the learning rate at ``progress`` in [0, 1]: a linear warm-up to ``lr``, then half a cosine down
    to ``lr_min``.
    """
    if progress < config.lr_warmup:
        return config.lr * progress / config.lr_warmup
    after = (progress - config.lr_warmup) / (1 - config.lr_warmup) if config.lr_warmup < 1 else 1.0
    return config.lr_min + (config.lr - config.lr_min) * 0.5 * (1 + math.cos(math.pi * after))


def make_optimizer(config: TrainerConfig, net: SuperNet) -> torch.optim.SGD:
    """Return SGD over all trainable weights.

    With ``untouched=decay`` every weight has a gradient from the start, which is zeroed between steps but
    never removed: momentum and weight decay act on every weight in every step, whether or not its path was
    sampled. With ``skip`` a weight without a gradient stays as it is, and so does its momentum.
    """
    by_factor: dict[float, list[nn.Parameter]] = {}
    factors = net.learning_rates()
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            factor = next((f for start, f in factors.items() if name.startswith(start)), 1.0)
            by_factor.setdefault(factor, []).append(parameter)
    groups = [{"params": p} | ({} if factor == 1 else {"factor": factor}) for factor, p in by_factor.items()]
    optimizer = torch.optim.SGD(
        groups,
        lr=config.lr,
        momentum=config.momentum,
        nesterov=config.nesterov,
        weight_decay=config.weight_decay,
        fused=True,
    )
    for parameter in (p for some in by_factor.values() for p in some):
        if config.untouched == "decay":
            parameter.grad = torch.zeros_like(parameter)
        elif config.momentum:
            # The first step would make the same buffers, but a fused step can't take some weights with a
            # buffer and some without.
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer
