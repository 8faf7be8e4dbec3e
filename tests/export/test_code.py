"""The plain module does what the stand-alone network of every space does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lmreg.config import catalogue
from lmreg.config.build import choice_of
from lmreg.data.base import InputShape
from lmreg.export.code import plain_code
from lmreg.network.base import SuperNet, track_statistics
from lmreg.space.base import Space

SHAPE = InputShape(3, 9, 9)


@pytest.mark.parametrize("choice", catalogue.choices("space"))
def test_same_logits_one_image_or_many(choice: str) -> None:
    space_class, space_config = choice_of("space", choice, Space)
    space = space_class(space_config)  # type: ignore[call-arg]
    network, config = choice_of("network", choice, SuperNet)
    net = network(config, space, SHAPE, 4)  # type: ignore[call-arg]
    alone = net.standalone(space.sample(np.random.default_rng(3)))
    track_statistics(alone)
    noise = torch.Generator().manual_seed(0)
    alone(torch.randn(16, 3, 9, 9, generator=noise) + 1)  # statistics other than the first
    plain = plain_code(alone, SHAPE)
    made: dict[str, type[nn.Module]] = {}
    exec(plain.source, {"torch": torch, "nn": nn, "aten": torch.ops.aten}, made)
    model = made["Model"]()
    model.load_state_dict(plain.state)
    for count in (1, 5):
        x = torch.randn(count, 3, 9, 9, generator=noise)
        torch.testing.assert_close(model.eval()(x), alone.eval()(x))
    # Its layers are layers: in training they use the batch, as those of the original.
    x = torch.randn(6, 3, 9, 9, generator=noise)
    assert not torch.allclose(model.train()(x), model.eval()(x), atol=1e-3)
