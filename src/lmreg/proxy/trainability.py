"""Whether gradients keep their size on the way back through the blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe

_EPSILON = 1e-6


@dataclass
class Config:
    name: str = "trainability"


class Trainability(Proxy):
    """How well gradients keep their size on the way back through the blocks.

    It is the mean over blocks of 2 − s − 1/s, where s is the spectral norm of the block's Jacobian, estimated
    from random output gradients of ±1; largest for s = 1.

    A block that passes gradients on unchanged does nothing, so it is the worst.

    Source: Lee & Ham, "AZ-NAS", CVPR 2024, equations 5 to 8.
    """

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        pairs = list(zip(probe.features, probe.features[1:], strict=False))
        generator = probe.random("signs")
        found = [_of_block(before, after, generator) for before, after in pairs]
        return float(np.mean(found)) if found else float("-inf")


def _of_block(before: Tensor, after: Tensor, generator: torch.Generator) -> float:
    if not (before.requires_grad and after.requires_grad):
        return float("-inf")
    signs = torch.randint(2, after.shape, generator=generator, dtype=torch.float32)
    at_output = (2 * signs - 1).to(after.device)
    (at_input,) = torch.autograd.grad(after, before, at_output, retain_graph=True, allow_unused=True)
    if at_input is None or (at_input.shape == at_output.shape and bool((at_input == at_output).all())):
        return float("-inf")
    # A block that changes the resolution: pixels of the larger map become channels.
    at_input, at_output = _folded(at_input, at_output), _folded(at_output, at_input)
    rows_in, rows_out = (g.movedim(1, -1).flatten(0, -2).double() for g in (at_input, at_output))
    jacobian = rows_in.T @ rows_out / len(rows_out)
    if not bool(jacobian.isfinite().all()):
        return float("-inf")
    norm = float(torch.linalg.matrix_norm(jacobian, 2))
    return 2 - norm - 1 / (norm + _EPSILON)


def _folded(larger: Tensor, smaller: Tensor) -> Tensor:
    """Return ``larger`` [B, c, H, W] at the resolution of ``smaller``, its blocks of pixels as channels;
    unchanged if it isn't the larger one."""
    sides = smaller.shape[2:]
    factor = max(-(-side // other) for side, other in zip(larger.shape[2:], sides, strict=True))
    if factor <= 1:
        return larger
    missing = [factor * side - has for side, has in zip(sides, larger.shape[2:], strict=True)]
    return F.pixel_unshuffle(F.pad(larger, (0, missing[1], 0, missing[0])), factor)
