from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from torch import nn

from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.export.code import to_plain_module
from lmreg.export.writer import check_outputs, write_code, write_onnx
from lmreg.network.base import track_statistics
from lmreg.network.depth_decoder import Config, DepthDecoderNetwork
from lmreg.space.depth_decoder import UPSAMPLINGS, DepthDecoder
from lmreg.space.depth_decoder import Config as SpaceConfig
from lmreg.task.base import Output
from lmreg.task.depth import Depth


def test_descriptions_in_the_code_are_never_executed(tmp_path: Path) -> None:
    """They contain names from a config.yaml, which may be somebody else's."""
    pytest.importorskip("safetensors")
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()).eval()
    about = 'of "\\x""\nraise RuntimeError("run")\n"""'
    output = Output("o\\u", 'of """ C:\\users')
    plain = to_plain_module(net, InputShape(1, 3, 3))
    write_code(tmp_path, plain, about, net, torch.randn(4, 1, 3, 3), output)
    source = ast.get_docstring(ast.parse((tmp_path / "model.py").read_text()), clean=False)
    assert source is not None
    assert source.startswith(about)


def test_differing_outputs_are_refused() -> None:
    net, x = nn.Flatten(), torch.tensor([[[3.0, -20.0]]])
    check_outputs(net(x) * (1 + 1e-5), net, x, "it")
    for wrong in (net(x) * (1 + 1e-3), net(x) * torch.nan):
        with pytest.raises(LmregError, match="the outputs of it differ from those of the trained network"):
            check_outputs(wrong, net, x, "it")
    small = x / 1000  # such as inverse depth, whose scale is arbitrary
    with pytest.raises(LmregError, match="the outputs of it differ from those of the trained network"):
        check_outputs(net(small) * (1 + 1e-3), net, small, "it")


@pytest.mark.slow  # test_export.py has the default one
def test_every_way_of_upsampling_is_the_same_in_every_file(tmp_path: Path) -> None:
    for package in ("safetensors", "onnxruntime", "onnxscript"):
        pytest.importorskip(package)
    import onnxruntime

    torch.manual_seed(0)
    size = (32, 19)  # one can be halved without a remainder, the other can't
    space, shape = DepthDecoder(SpaceConfig(upsampling=list(UPSAMPLINGS))), InputShape(3, *size)
    edges = len(space.edges)
    # Each block upsamples in another way, and has an edge with weights from each of its inputs.
    choices = [choice for way in range(len(UPSAMPLINGS)) for choice in (*(3,) * edges, way)]
    alone = DepthDecoderNetwork(Config(channels=4, widths=[4, 4, 6, 6]), space, shape, 1).standalone(
        space.arch(choices)
    )
    track_statistics(alone)
    for norm in alone.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 1.0  # so that the next batch sets the statistics
    alone(torch.randn(8, 3, *size))
    trained, x = alone.eval(), torch.randn(3, 3, *size)
    plain = to_plain_module(trained, shape)
    model = write_code(tmp_path, plain, "of a test", trained, x, Depth.output)
    write_onnx(tmp_path, model, x, Depth.output.name)
    with torch.inference_mode():
        expected = trained(x)
    assert expected.shape == (3, 1, *size)
    assert expected.std() > 1e-2
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["inverse_depth"], {"images": x.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-4)
    # Everything with weights is a layer, which can be trained further.
    assert {name for name, _ in model.named_parameters()} >= set(plain.state) - {
        n for n, _ in model.named_buffers()
    }
    assert not [name for name, value in model.named_buffers() if "." not in name and value.ndim == 4]
    source = (tmp_path / "model.py").read_text()
    assert f"[batch, 1, {size[0]}, {size[1]}] out, the inverse_depth" in source
    assert "nn.ConvTranspose2d(4, 4, (2, 2), stride=(2, 2)" in source
