from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev

from lmreg.proxy.probe import Probe
from lmreg.proxy.vkdnw import _SMOOTHING, Config, Vkdnw


def test_it_is_of_the_fisher_information_of_first_elements(probe: Probe) -> None:
    """By derivatives image by image, with normalisations replaced by what they are without statistics."""
    for module in probe.net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.zeros(len(module.weight))
            module.running_var = torch.ones(len(module.weight))
            module.track_running_stats, module.eps = True, 0.0
    probe.net.eval()
    score = Vkdnw(Config()).score(probe)
    noise = probe.noise(probe.random("vkdnw"))[:16]
    values = {name: p.detach() for name, p in probe.net.named_parameters()}

    def logits(first: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
        changed = {}
        for name, value in values.items():
            flat = value.flatten()
            changed[name] = torch.cat([flat[:1] + first[name], flat[1:]]).view_as(value)
        return functional_call(probe.net, changed, (image[None],))[0]

    zero = {name: torch.zeros(1) for name in values}
    fisher = np.zeros((len(values), len(values)))
    for image in noise:
        jacobian = torch.stack([j[:, 0] for j in jacrev(logits)(zero, image).values()], 1).double().numpy()
        chance = logits(zero, image).softmax(0).double().numpy()
        chance = (1 - _SMOOTHING) * chance + _SMOOTHING / len(chance)
        fisher += jacobian.T @ (np.diag(chance) - np.outer(chance, chance)) @ jacobian / len(noise)
    deciles = np.quantile(np.linalg.eigvalsh(fisher).clip(0), np.arange(1, 10) / 10)
    shares = deciles[deciles > 0] / deciles.sum()
    assert score == pytest.approx(len(values) - (shares * np.log(shares)).sum(), abs=2e-2)
