from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from lmreg.proxy.fisher import Config, Fisher
from lmreg.proxy.probe import Probe


def test_it_adds_what_channels_contribute_to_the_loss(probe: Probe) -> None:
    outputs: list[torch.Tensor] = []

    def keep(_: nn.Module, __: Any, output: torch.Tensor) -> None:
        output.retain_grad()
        outputs.append(output)

    hooks = [
        layer.register_forward_hook(keep)
        for layer in probe.net.modules()
        if isinstance(layer, (nn.Conv2d, nn.Linear))
    ]
    batch = probe.batches[0]
    torch.nn.functional.cross_entropy(probe.net(batch.images), batch.targets).backward()
    for hook in hooks:
        hook.remove()
    expected = 0.0
    for output in outputs:
        assert output.grad is not None
        for image in range(6):
            for channel in range(output.shape[1]):
                product = (output[image, channel] * output.grad[image, channel]).sum().item()
                expected += product**2 / 2 / 6
    assert Fisher(Config()).score(probe) == pytest.approx(expected, rel=1e-4)
