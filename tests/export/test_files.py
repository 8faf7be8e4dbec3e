from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from torch import nn

from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.export.code import plain_code
from lmreg.export.files import check, write_code


def test_what_is_told_of_the_network_is_text_and_never_run(tmp_path: Path) -> None:
    """It has names from a config.yaml, which may be somebody else's."""
    pytest.importorskip("safetensors")
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()).eval()
    about = 'of "\\x""\nraise RuntimeError("run")\n"""'
    write_code(tmp_path, plain_code(net, InputShape(1, 3, 3)), about, net, torch.randn(4, 1, 3, 3))
    told = ast.get_docstring(ast.parse((tmp_path / "model.py").read_text()), clean=False)
    assert told is not None
    assert told.startswith(about)


def test_other_logits_are_told() -> None:
    net, x = nn.Flatten(), torch.tensor([[[3.0, -20.0]]])
    check(net(x) * (1 + 1e-5), net, x, "it")
    for wrong in (net(x) * (1 + 1e-3), net(x) * torch.nan):
        with pytest.raises(LmregError, match="it gives other logits than the trained network"):
            check(wrong, net, x, "it")
