from __future__ import annotations

import pytest
import torch

from lmreg.proxy.probe import Probe
from lmreg.proxy.trainability import Config, Trainability, _of_block


def score_of(matrix: torch.Tensor) -> float:
    """The score of one block that multiplies channels by ``matrix`` at every pixel."""
    before = torch.randn(64, len(matrix), 8, 8, requires_grad=True)
    after = torch.einsum("bchw,dc->bdhw", before, matrix)
    return _of_block(before, after, torch.Generator().manual_seed(0))


def test_an_orthogonal_block_keeps_gradients() -> None:
    rotation, _ = torch.linalg.qr(torch.randn(4, 4))
    assert score_of(rotation) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("factor", [0.25, 0.5, 2.0, 4.0])
def test_a_block_that_scales_them_is_worse(factor: float) -> None:
    rotation, _ = torch.linalg.qr(torch.randn(4, 4))
    assert score_of(factor * rotation) == pytest.approx(2 - factor - 1 / factor, rel=0.1)


def test_a_block_that_does_nothing_is_worst() -> None:
    before = torch.randn(8, 4, 8, 8, requires_grad=True)
    assert _of_block(before, 1 * before, torch.Generator().manual_seed(0)) == float("-inf")
    assert _of_block(before, torch.zeros_like(before), torch.Generator()) == float("-inf")


def test_it_is_a_mean_over_blocks(probe: Probe) -> None:
    assert -100 < Trainability(Config()).score(probe) < 0
