from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch

from lmreg.data.base import InputShape
from lmreg.network.base import count_macs, count_params
from lmreg.network.nasbench201 import Config, NASBench201Network
from lmreg.space.nasbench201 import NASBench201

ALL_NONE = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def test_params_and_macs_are_the_benchmarks(space: NASBench201, real_data: Path) -> None:
    """One row for every combination of operation counts in the table, at the benchmark's size."""
    table = pd.read_csv(real_data / "nasbench201_half.csv")
    table = table.drop_duplicates(["params", "macs"])
    assert len(table) > 20
    shape = InputShape(3, 32, 32)
    net = NASBench201Network(Config(channels=16, cells=5), space, shape, outputs=10)
    for row in table.itertuples():
        alone = net.standalone(space.parse(row.arch))
        assert count_params(alone) == row.params
        assert count_macs(alone, shape) == row.macs


def test_macs_by_hand(space: NASBench201) -> None:
    """With an empty cell only the skeleton counts; 1 input channel, 2 channels, 4×4 pixels, 3 classes."""
    shape = InputShape(1, 4, 4)
    alone = NASBench201Network(Config(channels=2), space, shape, outputs=3).standalone(space.parse(ALL_NONE))
    stem = 16 * 9 * 1 * 2
    first = 4 * (9 * 2 * 4 + 9 * 4 * 4 + 2 * 4)
    second = 1 * (9 * 4 * 8 + 9 * 8 * 8 + 4 * 8)
    assert count_macs(alone, shape) == stem + first + second + 8 * 3 + 3


def test_standalone_has_the_paths_parts_only(net: NASBench201Network, space: NASBench201) -> None:
    alone = net.standalone(space.parse(ALL_NONE))
    assert not any("conv" in name and "edges" in name for name, _ in alone.named_parameters())
    assert set(alone.net.state_dict()) < set(net.state_dict())


def test_a_dead_cell_still_answers(net: NASBench201Network, space: NASBench201) -> None:
    logits = net(torch.randn(4, 1, 8, 8), space.parse(ALL_NONE))
    assert torch.isfinite(logits).all()
    torch.testing.assert_close(logits, logits[:1].expand_as(logits))  # nothing gets through
    fed_by_zeros = space.parse("|none~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_3x3~2|")
    assert torch.isfinite(net(torch.randn(4, 1, 8, 8), fed_by_zeros)).all()


@pytest.mark.parametrize(("height", "width", "channels"), [(14, 14, 1), (7, 9, 3), (5, 5, 2), (32, 32, 3)])
def test_any_input_size(space: NASBench201, height: int, width: int, channels: int) -> None:
    net = NASBench201Network(Config(channels=4), space, InputShape(channels, height, width), outputs=7)
    assert net(torch.randn(2, channels, height, width), space.arch((3, 1, 2, 4, 3, 1))).shape == (2, 7)


def test_channels_last_stays(net: NASBench201Network, space: NASBench201) -> None:
    net.to(memory_format=torch.channels_last)
    x = torch.randn(4, 1, 8, 8).to(memory_format=torch.channels_last)
    seen = []
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d) and module.kernel_size == (3, 3):
            module.register_forward_hook(lambda m, i, o: seen.append(o))
    net(x, space.arch((3,) * 6))
    assert all(out.is_contiguous(memory_format=torch.channels_last) for out in seen)
