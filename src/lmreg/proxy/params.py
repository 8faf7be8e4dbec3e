"""The number of parameters."""

from __future__ import annotations

from dataclasses import dataclass

from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe


@dataclass
class Config:
    name: str = "params"


class Params(Proxy):
    """The number of parameters."""

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        return float(probe.params)
