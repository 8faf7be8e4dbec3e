"""Chains of MobileNetV2 blocks: kernel, expansion and number of layers per stage are to be chosen.

Source: the space of Cai, Zhu, Han, "ProxylessNAS: Direct Neural Architecture Search on Target Task and
Hardware", ICLR 2019, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.space.base import Arch, Graph, Space
from lmreg.space.chain import chain_graph, idle_last

BLOCKS = {f"mb{expansion}_k{kernel}": (expansion, kernel) for expansion in (3, 6) for kernel in (3, 5, 7)}
"""Expansion and kernel size of the blocks, by name."""
SKIP = "skip"


@dataclass
class Config:
    name: str = "mbconv"
    depths: list[int] = option([2, 3, 3], help="the most layers of each stage")  # noqa: RUF009

    def __post_init__(self) -> None:
        if not self.depths or min(self.depths) < 1:
            raise ValueError(f"depths={self.depths} must have a number of at least 1 for each stage")


class MBConv(Space):
    """Stages of layers, each one of six blocks; all but the first of a stage may be skipped.

    The text form has the layers of a stage joined by ``+``, the stages by ``|``, for instance
    ``mb3_k3+skip|mb6_k5+mb3_k7+skip|mb6_k3+mb6_k3+mb6_k3``.
    """

    def __init__(self, config: Config | None = None):
        config = config or Config()
        self.name, self.depths = config.name, tuple(config.depths)
        stages = [(tuple(BLOCKS), *[(*BLOCKS, SKIP)] * (depth - 1)) for depth in self.depths]
        self.options = tuple(names for stage in stages for names in stage)

    def sample_network(self, rng: np.random.Generator) -> Arch:
        """An architecture drawn so that every isomorphism class is equally likely, and so is every
        member within its class.

        A stage has 6^k classes with k later layers that aren't skipped, each with all places for those.
        """
        choices: list[int] = []
        for depth in self.depths:
            classes = float(len(BLOCKS)) ** np.arange(depth)
            active = int(rng.choice(depth, p=classes / classes.sum()))
            stage = np.full(depth, len(BLOCKS))
            places = [0, *(1 + rng.choice(depth - 1, active, replace=False))]
            stage[places] = rng.integers(len(BLOCKS), size=active + 1)
            choices += stage.tolist()
        return self.arch(tuple(choices))

    def canonical(self, arch: Arch) -> str:
        """The text form of the isomorphic architecture whose skips come last in their stages."""
        return self.format(Arch(self.name, idle_last(arch.choices, self.depths, len(BLOCKS))))

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        return (chain_graph(self._names(arch)),)

    def format(self, arch: Arch) -> str:
        names = iter(self._names(arch))
        return "|".join("+".join(next(names) for _ in range(depth)) for depth in self.depths)

    def parse(self, text: str) -> Arch:
        stages = [stage.split("+") for stage in text.strip().split("|")]
        names = [name for stage in stages for name in stage]
        if tuple(map(len, stages)) == self.depths and all(
            name in offered for name, offered in zip(names, self.options, strict=True)
        ):
            return self.arch(tuple(o.index(name) for name, o in zip(names, self.options, strict=True)))
        raise LmregError(
            f"{text!r} is not an architecture of {self.name}; expected {len(self.depths)} stages joined by "
            f"'|' of {', '.join(map(str, self.depths))} layers joined by '+', each layer one of "
            f"{', '.join(BLOCKS)} or, but for the first of a stage, {SKIP}"
        )

    def _names(self, arch: Arch) -> list[str]:
        return [offered[choice] for choice, offered in zip(arch.choices, self.options, strict=True)]
