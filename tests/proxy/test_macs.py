from __future__ import annotations

import torch
from torch import nn

from lmreg.proxy.macs import Config, Macs
from lmreg.proxy.probe import Probe


def test_it_counts_the_products_of_layers(probe: Probe) -> None:
    found: list[int] = []

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        weight: torch.Tensor = layer.weight  # type: ignore[assignment]
        found.append(output[0].numel() * weight[0].numel())

    for layer in probe.net.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.register_forward_hook(count)
    probe.net(probe.batches[0].images[:1])
    expected = sum(found)
    # The counter also counts the classifier's bias.
    assert expected < Macs(Config()).score(probe) <= expected + 5
