"""How differently the outputs depend on different images."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe

_EPSILON = 1e-5


@dataclass
class Config:
    name: str = "jacob_cov"


class JacobCov(Proxy):
    """How differently the outputs depend on different images.

    It is −Σ (log(v + ε) + 1 / (v + ε)) over the eigenvalues v of the correlation between images of the
    gradient of the outputs' sum with respect to the image; ε = 1e-5.

    Source: Mellor, Turner, Storkey, Crowley, "Neural Architecture Search without Training", first version,
    arXiv 2006.04647v1, equation 3.
    """

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        images = probe.batches[0].images.detach().clone().requires_grad_(True)
        (jacobian,) = torch.autograd.grad(probe.net(images).sum(), images, allow_unused=True)
        if jacobian is None or not bool((jacobian.flatten(1).std(1) > 0).all()):
            return float("-inf")
        rows = jacobian.flatten(1).double()
        values = torch.linalg.eigvalsh(torch.corrcoef(rows)) + _EPSILON
        return float(-(values.log() + 1 / values).sum())
