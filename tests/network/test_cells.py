"""The parts of networks of cells."""

from __future__ import annotations

import pytest
import torch

from lmreg.network.base import count_params
from lmreg.network.cells import AuxiliaryHead, FactorizedReduce, operation


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("max_pool_3x3", 0),
        ("max_pool_7x7", 0),
        ("avg_pool_3x3", 0),
        ("conv_1x1", 16 + 8),
        ("conv_3x3", 9 * 16 + 8),
        ("conv_3x1_1x3", 2 * 3 * 16 + 8),
        ("conv_7x1_1x7", 2 * 7 * 16 + 8),
        ("sep_conv_3x3", 2 * (9 * 4 + 16 + 8)),
        ("sep_conv_7x7", 2 * (49 * 4 + 16 + 8)),
        ("dil_conv_5x5", 25 * 4 + 16 + 8),
        ("dil_sep_conv_3x3", 2 * (9 * 4 + 16 + 8)),
    ],
)
@pytest.mark.parametrize("stride", [1, 2])
def test_operations(name: str, params: int, stride: int) -> None:
    """Parameters at 4 channels, output shapes and receptive fields."""
    module = operation(name, 4, stride)
    assert count_params(module) == params
    assert module(torch.randn(2, 4, 7, 9)).shape == ((2, 4, 7, 9) if stride == 1 else (2, 4, 4, 5))
    # Ones everywhere: nothing cancels out. The pixel in the middle is one that both strides hit.
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.forward = lambda value: value  # type: ignore[method-assign]
        elif isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.ones_(layer.weight)
    images = torch.rand(1, 4, 33, 33).add(0.1).requires_grad_()
    middle = 16 // stride
    (seen,) = torch.autograd.grad(module(images)[0, 0, middle, middle], images)
    side = int(name[-1])
    reach = {"sep_conv": 2 * side - 1, "dil_conv": 2 * side - 1, "dil_sep_conv": 4 * side - 3}
    expected = reach.get(name.rpartition("_")[0], side)
    if name.startswith("max"):  # one pixel of a channel, which lies in the window
        assert (seen != 0).sum() == 1
        row, column = (seen[0, 0] != 0).nonzero()[0].tolist()
        assert max(abs(row - 16), abs(column - 16)) <= side // 2
        return
    if stride == 2 and "sep" in name:  # the second convolution's steps are twice as long
        expected += 2 * (side // 2) * (2 if name.startswith("dil") else 1)
    rows, columns = (seen != 0).any(1)[0].any(1), (seen != 0).any(1)[0].any(0)
    for hit in (rows, columns):
        assert hit.nonzero().flatten()[[0, -1]].tolist() == [16 - expected // 2, 16 + expected // 2]


def test_factorised_reduction_sees_pixels_whose_places_are_both_even_or_both_odd() -> None:
    for height, width in ((4, 4), (5, 7), (1, 2)):
        images = torch.rand(2, 2, height, width).add(0.1).requires_grad_()
        reduce = FactorizedReduce(2, 3)
        reduce.norm = torch.nn.Identity()  # type: ignore[assignment]
        for parameter in reduce.parameters():
            torch.nn.init.ones_(parameter)
        value = reduce(images)
        assert value.shape == (2, 3, -(-height // 2), -(-width // 2))
        (seen,) = torch.autograd.grad(value.sum(), images)
        expected = [[(y % 2 == x % 2) for x in range(width)] for y in range(height)]
        assert (seen > 0).tolist() == [[expected] * 2] * 2
    images = torch.zeros(1, 1, 3, 3)
    images[0, 0] = torch.arange(9.0).view(3, 3)
    reduce = FactorizedReduce(1, 2)
    torch.nn.init.ones_(reduce.even.weight)
    torch.nn.init.ones_(reduce.odd.weight)
    reduce.norm = torch.nn.Identity()  # type: ignore[assignment]
    even, odd = reduce(images)[0]
    assert even.tolist() == [[0, 2], [6, 8]]
    assert odd.tolist() == [[4, 0], [0, 0]]  # beyond the edge: zeros


def test_the_auxiliary_head_is_the_papers() -> None:
    head = AuxiliaryHead(576, (8, 8), outputs=10)
    convolutions = 576 * 128 + 128 * 768 * 2 * 2
    assert count_params(head) == convolutions + 2 * (128 + 768) + 768 * 10 + 10
    pool = head[1]
    assert (pool.kernel_size, pool.stride) == ((5, 5), (3, 3))
    for side in range(1, 30):
        assert AuxiliaryHead(2, (side, side), 3)(torch.randn(2, 2, side, side)).shape == (2, 3)
