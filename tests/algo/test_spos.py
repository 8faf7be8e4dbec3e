from __future__ import annotations

from collections import Counter

import pytest
import torch
from tests.train.contexts import make_context

from lmreg.algo.spos import SPOS
from lmreg.data.images import Batch
from lmreg.network.nasbench201 import NASBench201Network
from lmreg.space.nasbench201 import NASBench201
from lmreg.train.context import Context
from lmreg.train.random_streams import Streams


@pytest.fixture
def ctx(space: NASBench201, net: NASBench201Network) -> Context:
    return make_context(space, net, Streams(3, torch.device("cpu")), 10)


def test_one_uniform_path_per_step(ctx: Context, space: NASBench201, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(Context, "loss", lambda self, arch, batch: seen.append(arch) or torch.zeros(()))
    batch = Batch(torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.long))
    steps = 2_000
    for _ in range(steps):
        assert len(list(SPOS().weight_losses(ctx, batch))) == 1
    assert len(seen) == steps
    for edge in range(6):
        counts = Counter(arch.choices[edge] for arch in seen)
        assert all(abs(counts[op] - steps / 5) < 5 * (steps / 5) ** 0.5 for op in range(5))
    again = Streams(3, torch.device("cpu"))
    assert [space.sample(again.arch) for _ in range(10)] == seen[:10]


def test_the_loss_is_that_of_the_path(ctx: Context, space: NASBench201, net: NASBench201Network) -> None:
    batch = Batch(torch.randn(6, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2]))
    (loss,) = SPOS().weight_losses(ctx, batch)
    arch = space.sample(Streams(3, torch.device("cpu")).arch)
    expected = torch.nn.functional.cross_entropy(net(batch.images, arch), batch.targets)
    assert loss.item() == expected.item()


def test_proposals_are_distinct(ctx: Context, space: NASBench201) -> None:
    proposed = SPOS().propose(ctx, 50)
    assert len({space.canonical(arch) for arch in proposed}) == 50
