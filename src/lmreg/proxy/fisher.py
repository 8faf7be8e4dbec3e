"""How much the loss depends on the activations."""

from __future__ import annotations

from dataclasses import dataclass

from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe


@dataclass
class Config:
    name: str = "fisher"


class Fisher(Proxy):
    """How much the loss depends on the activations.

    It is Σ over layers and channels of the mean over images of (Σ over pixels of activation · gradient)² / 2,
    on the first batch. Activations are the outputs of convolutions and linear layers.

    Source: Theis, Korshunova, Tejani, Huszár, "Faster gaze prediction with dense networks and Fisher
    pruning", 2018, and Turner et al., "BlockSwap", ICLR 2020; as a score of architectures: Abdelfattah et
    al., ICLR 2021.
    """

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        return sum(float(saliency) for saliency in probe.gradients.saliency)
