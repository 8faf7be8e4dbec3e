"""NAS-Bench-Macro: a chain of 8 layers, each of which is one of 3 blocks.

Source: Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", CVPR 2021.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lmreg.errors import LmregError
from lmreg.space.base import Arch, Graph, Space
from lmreg.space.chain import chain_graph, idle_last

OPERATIONS = ("identity", "mb3_k3", "mb6_k5")
"""The names of MobileNetV2 blocks give expansion and kernel size."""
STAGES = (2, 3, 3)
"""Layers per stage; the first of each halves the resolution and doubles the channels."""


@dataclass
class Config:
    name: str = "macro"


class NASBenchMacro(Space):
    """The benchmark's 6,561 chains, in 3,969 isomorphism classes."""

    def __init__(self, config: Config | None = None):
        self.name = (config or Config()).name
        self.options = (OPERATIONS,) * sum(STAGES)

    def canonical(self, arch: Arch) -> str:
        """Return the text form of the isomorphic architecture whose identities come last in their stages.

        The position of an identity in its stage doesn't matter, except in the first layer, where `identity`
        is a convolution that halves the resolution.
        """
        return self.format(Arch(self.name, idle_last(arch.choices, STAGES, OPERATIONS.index("identity"))))

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        return (chain_graph([OPERATIONS[choice] for choice in arch.choices]),)

    def format(self, arch: Arch) -> str:
        return "".join(map(str, arch.choices))

    def parse(self, text: str) -> Arch:
        """Return the architecture of 8 digits such as ``22212202``."""
        if not re.fullmatch(f"[0-2]{{{len(self.options)}}}", text.strip()):
            meaning = ", ".join(f"{digit} for {name}" for digit, name in enumerate(OPERATIONS))
            raise LmregError(
                f"{text!r} is not a NAS-Bench-Macro architecture; expected {len(self.options)} digits, one "
                f"per layer, such as '22212202': {meaning}"
            )
        return self.arch(tuple(map(int, text.strip())))

    def read(self, text: object, where: str) -> Arch:
        """Parse a file's ``text``, restoring leading zeros, which spreadsheets and numeric columns drop."""
        digits = str(text).strip()
        return super().read(digits.zfill(len(self.options)) if digits.isdecimal() else text, where)
