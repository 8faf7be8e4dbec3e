"""Multiply-accumulates for one image."""

from __future__ import annotations

from dataclasses import dataclass

from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe


@dataclass
class Config:
    name: str = "macs"


class Macs(Proxy):
    """The multiply-accumulates for one image."""

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        return float(probe.macs)
