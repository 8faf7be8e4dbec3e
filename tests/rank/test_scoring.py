from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lmreg.data.base import Part
from lmreg.data.images import Split
from lmreg.network.nasbench201 import NASBench201Network
from lmreg.rank.scoring import score
from lmreg.space.nasbench201 import NASBench201
from lmreg.task.classification import Classification


@pytest.fixture
def data(rng: np.random.Generator) -> Split:
    labels = np.repeat(np.arange(3), 20)
    images = rng.integers(0, 100, (60, 8, 8, 1)) + 50 * labels[:, None, None, None]
    part = Part(images.astype(np.uint8), labels)
    return Split(part, torch.full((1,), 100.0), torch.full((1,), 60.0), 0, False)


def test_scores_are_averages_over_images(
    net: NASBench201Network, space: NASBench201, data: Split, rng: np.random.Generator
) -> None:
    archs = [space.sample(rng) for _ in range(4)]
    batches = data.scoring_batches(25)
    table = score(net, Classification(), archs, batches)
    for arch, row in zip(archs, table.itertuples(), strict=True):
        outputs = torch.cat([net(batch.images, arch) for batch in batches])
        targets = torch.cat([batch.targets for batch in batches])
        assert row.loss_nats == pytest.approx(F.cross_entropy(outputs, targets).item(), rel=1e-5)
        right = (outputs.argmax(1) == targets).float().mean().item()
        assert row.accuracy_percent == pytest.approx(100 * right)


def test_scoring_changes_nothing_and_repeats(
    net: NASBench201Network, space: NASBench201, data: Split
) -> None:
    before = {key: value.clone() for key, value in net.state_dict().items()}
    archs = [space.arch((3, 1, 0, 2, 4, 1)), space.arch((1,) * 6)]
    first, second = (score(net, Classification(), archs, data.scoring_batches(30)) for _ in range(2))
    assert first.equals(second)
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
