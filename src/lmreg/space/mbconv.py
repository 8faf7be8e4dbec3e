"""Chains of MobileNetV2 blocks: kernel, expansion and number of layers per stage are to be chosen.

Source: the space of Cai, Zhu, Han, "ProxylessNAS: Direct Neural Architecture Search on Target Task and
Hardware", ICLR 2019, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from lmreg.config.schema import option
from lmreg.space.chain import Stage, StagedChain

BLOCKS = {f"mb{expansion}_k{kernel}": (expansion, kernel) for expansion in (3, 6) for kernel in (3, 5, 7)}
"""Expansion and kernel size of the blocks, by name."""
SKIP = "skip"


@dataclass
class Config:
    name: str = "mbconv"
    depths: list[int] = option(
        [2, 3, 3], help="most layers of each stage; all but the first of a stage may be skipped"
    )

    def __post_init__(self) -> None:
        if not self.depths or min(self.depths) < 1:
            raise ValueError(f"depths={self.depths} must have a number of at least 1 for each stage")


class MBConv(StagedChain):
    """Stages of layers, each one of six blocks; all but the first of a stage may be skipped.

    The text form is for instance
    ``mb3_k3+skip|mb6_k5+mb3_k7+skip|mb6_k3+mb6_k3+mb6_k3``.
    """

    def __init__(self, config: Config | None = None):
        config = config or Config()
        self.depths = tuple(config.depths)
        super().__init__(config.name, [Stage(depth, tuple(BLOCKS), SKIP) for depth in self.depths])
