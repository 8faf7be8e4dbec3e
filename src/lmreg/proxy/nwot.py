"""How differently the rectifiers respond to different images."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe


@dataclass
class Config:
    name: str = "nwot"


class Nwot(Proxy):
    """How differently rectifiers respond to different images.

    It is the log-determinant of the matrix that counts, for each two images, the units in which they agree.

    Source: Mellor, Turner, Storkey, Crowley, "Neural Architecture Search without Training", ICML 2021, and
    its released code, which sums over all units (equation 2).
    """

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        if not probe.active_units:
            return float("-inf")
        images = len(probe.active_units[0])
        agreements = torch.zeros(images, images, device=probe.active_units[0].device)
        for active in probe.active_units:
            on = active.float()
            both_on = on @ on.T
            each = on.sum(1)
            # Both off: all units but those that are on in one of the two.
            agreements += 2 * both_on + on.shape[1] - each[:, None] - each[None, :]
        return float(torch.linalg.slogdet(agreements.double()).logabsdet)
