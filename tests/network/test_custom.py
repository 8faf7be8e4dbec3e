from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.space.test_custom import CONV, stage

from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.network.custom import Config, CustomNetwork
from lmreg.space.custom import Config as SpaceConfig
from lmreg.space.custom import CustomSpace

NORM = {"_target_": "torch.nn.BatchNorm2d", "num_features": "$c_out"}


def made(choice: Any, **keys: Any) -> CustomNetwork:
    space = CustomSpace(SpaceConfig(stages=[stage(choices={"a": CONV, "b": choice}, **keys)]))
    return CustomNetwork(Config(channels=4), space, InputShape(1, 5, 6), outputs=3)


def test_normalisation_is_by_batch_statistics() -> None:
    net = made([CONV, NORM])
    norm = net.layers[0]["b"][1]
    assert not norm.track_running_stats
    assert not [key for key in net.state_dict() if "running" in key or "tracked" in key]
    x = torch.randn(8, 4, 5, 6) + 7
    torch.testing.assert_close(norm.eval()(x).mean((0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"_target_": "torch.nn.Conv2dd"}, "no nn.Module of that name; did you mean torch.nn.Conv2d"),
        ({"_target_": "torch.nn.init"}, "no nn.Module of that name"),
        ({"_target_": "torch.nn.functional.relu"}, "no nn.Module of that name"),
        (CONV | {"kernal_size": 1}, "no argument 'kernal_size'; did you mean 'kernel_size'"),
        ({"_target_": "torch.nn.Conv2d", "in_channels": 4}, "doesn't take these arguments: .*missing"),
        (CONV | {"kernel_size": 3}, r"b makes 4×5×6 to 4×3×4; its layer needs 4×5×6"),
        (CONV | {"in_channels": 3}, r"b fails on images of 4×5×6"),
        ({"_target_": "torch.nn.ReLU", "inplace": True}, "b changes its input"),
        ({"_target_": "torch.nn.Dropout"}, "b gives another output each time"),
        ({"_target_": "torch.nn.LazyConv2d", "out_channels": 4, "kernel_size": 1}, "a lazy module"),
    ],
)
def test_wrong_modules_are_told_with_their_place(choice: Any, message: str) -> None:
    with pytest.raises(LmregError, match=rf"space\.stages\[0\]\.choices\.b.*{message.removeprefix('b')}"):
        made(choice)


@pytest.mark.parametrize("name", ["forward", "training"])
def test_names_that_torch_needs_are_refused(name: str) -> None:
    space = CustomSpace(SpaceConfig(stages=[stage(choices={"a": CONV, name: CONV})]))
    with pytest.raises(LmregError, match=rf"choices\.{name}: torch has another use"):
        CustomNetwork(Config(), space, InputShape(1, 5, 6), outputs=3)
