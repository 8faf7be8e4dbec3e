"""The documentation's example of another task works."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.documents import DOCS, PAGES, files_of

from lmreg.data.base import InputShape, Part
from lmreg.data.images import Split
from lmreg.network.depth_decoder import Config, DepthDecoderNetwork
from lmreg.rank.scoring import score
from lmreg.space.depth_decoder import DepthDecoder
from lmreg.task.base import Task


def test_segmentation_of_the_document() -> None:
    code = files_of(PAGES[DOCS / "extending.md"])["my_parts/segmentation.py"]
    made: dict[str, Any] = {}
    exec(code, made)
    task: Task = made["Segmentation"]()
    rng = np.random.default_rng(0)
    images = rng.integers(255, size=(20, 4, 4, 3), dtype=np.uint8).repeat(4, 1).repeat(4, 2)
    labels = (images[..., 0] > 128).astype(np.int64)
    split = Split(Part(images, labels), torch.zeros(3), torch.full((3,), 255.0), 2, True)
    batch = split.augmented(torch.arange(20), torch.Generator().manual_seed(0))
    assert (batch.targets == -100).any()
    torch.manual_seed(0)
    space = DepthDecoder()
    net = DepthDecoderNetwork(Config(channels=8), space, InputShape(3, 16, 16), task.outputs(2))
    arch = space.arch((3,) * len(space.options))
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    batches = split.scoring_batches(10)
    before = score(net, task, [arch], batches)
    for _ in range(30):
        optimizer.zero_grad()
        task.loss(net(batch.images, arch), batch.targets).backward()
        optimizer.step()
    after = score(net, task, [arch], batches)
    assert after["pixel_accuracy_percent"][0] > before["pixel_accuracy_percent"][0] + 10
    assert after["loss_nats"][0] == pytest.approx(
        float(np.mean([F.cross_entropy(net(b.images, arch), b.targets).item() for b in batches])), rel=1e-4
    )
    predicted, truth = task.maps(net(batch.images, arch), batch.targets)
    assert predicted.shape == truth.shape == (20, 16, 16)
    assert torch.equal(truth.isnan(), batch.targets < 0)
