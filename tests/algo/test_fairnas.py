from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.algo.test_spos import ctx  # noqa: F401

from lmreg.algo.fairnas import FairNAS, fair_paths
from lmreg.data.images import Batch
from lmreg.errors import LmregError
from lmreg.network.nasbench201 import NASBench201Network
from lmreg.space.nasbench201 import NASBench201
from lmreg.train.context import Context


def test_every_option_exactly_once_per_decision_and_step(
    space: NASBench201, rng: np.random.Generator
) -> None:
    paths = [fair_paths(space, rng) for _ in range(500)]
    for step in paths:
        assert len(step) == 5
        for decision in range(6):
            assert sorted(arch.choices[decision] for arch in step) == [0, 1, 2, 3, 4]
    # Decisions are shuffled on their own: two of them agree in one path out of five.
    agree = np.mean([arch.choices[0] == arch.choices[1] for step in paths for arch in step])
    assert agree == pytest.approx(0.2, abs=5 * (0.16 / 2_500) ** 0.5)


def test_one_batch_gives_k_losses_whose_gradients_add_up(
    ctx: Context,  # noqa: F811
    net: NASBench201Network,
    space: NASBench201,
) -> None:
    batch = Batch(torch.randn(6, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2]))
    before = ctx.streams.state_dict()
    losses = list(FairNAS().weight_losses(ctx, batch))
    ctx.streams.load_state_dict(before)
    expected = [ctx.loss(arch, batch).item() for arch in fair_paths(space, ctx.streams.arch)]
    assert [loss.item() for loss in losses] == expected
    net.zero_grad()
    for loss in losses:
        loss.backward()
    convolutions = [p for name, p in net.named_parameters() if "nor_conv" in name and p.dim() == 4]
    assert len(convolutions) == 3 * 6 * 2
    # Each was on a path. (Some of those paths are dead ends: `none` may cut them off.)
    assert sum(p.grad is not None for p in convolutions) > 18


def test_uneven_decisions_are_refused(space: NASBench201, rng: np.random.Generator) -> None:
    uneven = NASBench201()
    uneven.options = (("a", "b"), ("a", "b", "c"))
    with pytest.raises(LmregError, match="as many options at every decision; nasbench201 has 2 and 3"):
        fair_paths(uneven, rng)
