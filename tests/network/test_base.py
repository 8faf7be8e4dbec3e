"""What all networks share: how they are counted."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from lmreg.data.base import InputShape
from lmreg.network.base import count_macs


class AlongRows(nn.Module):
    """A layer of one dimension on the rows of an image of one channel, as tokens or as a signal."""

    def __init__(self, layer: nn.Module, flat: bool):
        super().__init__()
        self.layer, self.flat = layer, flat

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.flatten(2) if self.flat else x)


@pytest.mark.parametrize(
    ("layer", "flat", "macs"),
    [
        (nn.Linear(6, 3), False, 4 * 3 * (6 + 1)),  # once per row
        (nn.Conv1d(1, 2, 5, bias=False), True, 20 * 2 * 5),
        (nn.Conv1d(1, 2, 5), True, 20 * 2 * (5 + 1)),
        (nn.ConvTranspose1d(1, 2, 5), True, 24 * 2 * 5 + 28 * 2),
        (nn.Conv2d(1, 4, 3, padding=1, stride=2), False, 2 * 3 * 4 * (9 + 1)),
    ],
)
def test_layers_of_any_dimension_are_counted(layer: nn.Module, flat: bool, macs: int) -> None:
    assert count_macs(AlongRows(layer, flat), InputShape(1, 4, 6)) == macs


def test_a_layer_is_counted_as_often_as_it_is_used() -> None:
    layer = nn.Conv2d(4, 4, 3, groups=4, bias=False)
    net = nn.Sequential(nn.Conv2d(1, 4, 1, bias=False), layer, layer)
    assert count_macs(net, InputShape(1, 8, 8)) == 64 * 4 + 36 * 4 * 9 + 16 * 4 * 9
