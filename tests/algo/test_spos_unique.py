from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from tests.algo.test_spos import ctx  # noqa: F401

from lmreg.algo.spos_unique import SPOSUnique
from lmreg.data.images import Batch
from lmreg.space.nasbench201 import NASBench201
from lmreg.train.context import Context


def test_networks_are_equally_likely_not_encodings(space: NASBench201, rng: np.random.Generator) -> None:
    """Cells that output zero are 225 of 15,625 encodings, but one of 6,466 networks."""
    zero = space.canonical(space.arch((0,) * 6))
    encodings = Counter(space.canonical(space.sample(rng)) for _ in range(3_000))
    networks = Counter(space.canonical(space.sample_network(rng)) for _ in range(3_000))
    size = sum(space.canonical(a) == zero for a in space.enumerate())
    assert abs(encodings[zero] - 3_000 * size / 15_625) < 5 * (3_000 * size / 15_625) ** 0.5
    assert networks[zero] <= 5  # expected: 0.5
    assert len(networks) > len(encodings)


def test_it_trains_and_proposes_with_that_sampler(ctx: Context, space: NASBench201) -> None:  # noqa: F811
    before = ctx.streams.state_dict()
    batch = Batch(torch.randn(6, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2]))
    (loss,) = SPOSUnique().weight_losses(ctx, batch)
    proposed = SPOSUnique().propose(ctx, 20)
    ctx.streams.load_state_dict(before)
    assert loss.item() == ctx.loss(space.sample_network(ctx.streams.arch), batch).item()
    assert proposed[0] == space.sample_network(ctx.streams.arch)
    assert len({space.canonical(a) for a in proposed}) == 20
