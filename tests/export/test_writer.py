from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from torch import nn

from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.export.code import plain_code
from lmreg.export.writer import check, write_code, write_onnx
from lmreg.network.base import track_statistics
from lmreg.network.depth_decoder import Config, DepthDecoderNetwork
from lmreg.space.depth_decoder import UPSAMPLINGS, DepthDecoder
from lmreg.space.depth_decoder import Config as SpaceConfig
from lmreg.task.base import Output
from lmreg.task.depth import Depth


def test_what_is_told_of_the_network_is_text_and_never_run(tmp_path: Path) -> None:
    """It has names from a config.yaml, which may be somebody else's."""
    pytest.importorskip("safetensors")
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()).eval()
    about = 'of "\\x""\nraise RuntimeError("run")\n"""'
    output = Output("o\\u", 'of """ C:\\users')
    write_code(tmp_path, plain_code(net, InputShape(1, 3, 3)), about, net, torch.randn(4, 1, 3, 3), output)
    told = ast.get_docstring(ast.parse((tmp_path / "model.py").read_text()), clean=False)
    assert told is not None
    assert told.startswith(about)


def test_other_outputs_are_told() -> None:
    net, x = nn.Flatten(), torch.tensor([[[3.0, -20.0]]])
    check(net(x) * (1 + 1e-5), net, x, "it")
    for wrong in (net(x) * (1 + 1e-3), net(x) * torch.nan):
        with pytest.raises(LmregError, match="it gives other outputs than the trained network"):
            check(wrong, net, x, "it")
    small = x / 1000  # such as depth, which has no scale of its own
    with pytest.raises(LmregError, match="it gives other outputs than the trained network"):
        check(net(small) * (1 + 1e-3), net, small, "it")


def test_every_way_of_upsampling_is_the_same_in_every_file(tmp_path: Path) -> None:
    for package in ("safetensors", "onnxruntime", "onnxscript"):
        pytest.importorskip(package)
    import onnxruntime

    torch.manual_seed(0)
    size = (32, 19)  # one halves without a remainder, the other with one
    space, shape = DepthDecoder(SpaceConfig(upsampling=list(UPSAMPLINGS))), InputShape(3, *size)
    edges = len(space.edges)
    # Each block has another way, and an edge with weights from all that it's given.
    choices = [choice for way in range(len(UPSAMPLINGS)) for choice in (*(3,) * edges, way)]
    alone = DepthDecoderNetwork(Config(channels=4, widths=[4, 4, 6, 6]), space, shape, 1).standalone(
        space.arch(choices)
    )
    track_statistics(alone)
    for norm in alone.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 1.0  # the statistics of what comes next
    alone(torch.randn(8, 3, *size))
    trained, x = alone.eval(), torch.randn(3, 3, *size)
    plain = plain_code(trained, shape)
    model = write_code(tmp_path, plain, "of a test", trained, x, Depth.output)
    write_onnx(tmp_path, model, x, Depth.output.name)
    with torch.inference_mode():
        expected = trained(x)
    assert expected.shape == (3, 1, *size)
    assert expected.std() > 1e-2
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["inverse_depth"], {"images": x.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-4)
    # What has weights is a layer, which can be trained further.
    assert {name for name, _ in model.named_parameters()} >= set(plain.state) - {
        n for n, _ in model.named_buffers()
    }
    assert not [name for name, value in model.named_buffers() if "." not in name and value.ndim == 4]
    told = (tmp_path / "model.py").read_text()
    assert f"[batch, 1, {size[0]}, {size[1]}] out, the inverse_depth" in told
    assert "nn.ConvTranspose2d(4, 4, (2, 2), stride=(2, 2)" in told
