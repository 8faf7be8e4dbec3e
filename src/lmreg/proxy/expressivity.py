"""How many independent features each block has."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe

_EPSILON = 1e-8


@dataclass
class Config:
    name: str = "expressivity"


class Expressivity(Proxy):
    """How many independent features the blocks have: the sum of the `entropy` of their outputs for noise.

    Source: Lee & Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", CVPR 2024,
    equations 1 to 3.
    """

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        return float(sum(entropies(probe)))


def entropies(probe: Probe) -> list[float]:
    """Return the entropy of each block's features."""
    return [entropy(features.detach()) for features in probe.features]


def entropy(features: Tensor) -> float:
    """Return the entropy of the normalised eigenvalues of the channels' covariance over images and pixels,
    given ``features`` [B, channels, height, width]."""
    rows = features.movedim(1, -1).flatten(0, -2).double()
    centred = rows - rows.mean(0)
    covariance = centred.T @ centred / len(rows)
    if not bool(covariance.isfinite().all()):
        return float("nan")
    values = torch.linalg.eigvalsh(covariance).clamp(min=0)
    shares = values / values.sum()
    return float(-(shares * (shares + _EPSILON).log()).sum())
