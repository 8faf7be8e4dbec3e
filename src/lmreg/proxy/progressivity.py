"""Whether later blocks have more independent features than earlier ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmreg.proxy.base import Proxy
from lmreg.proxy.expressivity import entropies
from lmreg.proxy.probe import Probe


@dataclass
class Config:
    name: str = "progressivity"


class Progressivity(Proxy):
    """The smallest increase of features' entropy from one block to the next, see `expressivity`.

    Source: Lee & Ham, "AZ-NAS", CVPR 2024, equation 4.
    """

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        found = entropies(probe)
        return float(np.diff(found).min()) if len(found) > 1 else float("-inf")
