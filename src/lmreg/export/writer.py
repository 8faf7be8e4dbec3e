"""Writing the files of an exported network (weights, code, ONNX), each checked before it is written."""

from __future__ import annotations

import contextlib
import logging
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lmreg.errors import LmregError
from lmreg.export.code import PlainModule
from lmreg.task.base import Output
from lmreg.util.extras import import_extra
from lmreg.util.files import write_atomically

_HEAD = '''"""{about}

Made by lmreg; needs torch, and safetensors to load the weights.
"""

from pathlib import Path

import torch
from torch import nn

aten = torch.ops.aten


{source}

def load(path=Path(__file__).with_name("model.safetensors")):
    """Return the trained model, ready to use: float32 images [batch, {channels}, {height}, {width}] in,
    {shape} out, the {name}:
    {meaning}.

    ``preprocess`` of preprocess.py converts pictures to such images, as in training.
    """
    from safetensors.torch import load_file

    model = Model()
    model.load_state_dict(load_file(path))
    return model.eval()
'''

_TOLERANCE = 1e-4  # relative to the largest output, as other kernels add up in another order
_ROUNDING = 1e-5  # absolute, for outputs that are almost zero


def _in_docstring(text: str) -> str:
    """Return ``text`` with quotes and backslashes, as a folder's name may have, escaped for a docstring."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def write_code(
    folder: Path, plain: PlainModule, about: str, trained: nn.Module, images: Tensor, output: Output
) -> nn.Module:
    """Write ``model.py`` and ``model.safetensors``, and return the model that they define, in eval mode. Its
    outputs, which ``output`` describes, are checked against those of ``trained`` for ``images`` [B, channels,
    height, width]."""
    safetensors = import_extra("safetensors.torch", "export", "export")
    channels, height, width = images.shape[1:]
    with torch.inference_mode():
        shape = f"[{', '.join(['batch', *map(str, trained(images[:1]).shape[1:])])}]"
    meaning = textwrap.fill(output.meaning, 100, subsequent_indent="    ")
    source = _HEAD.format(
        about=_in_docstring(about), source=plain.source, channels=channels, height=height, width=width,
        shape=shape, name=_in_docstring(output.name), meaning=_in_docstring(meaning),
    )  # fmt: skip
    weights = safetensors.save(plain.state)
    made: dict[str, Any] = {"__file__": str(folder / "model.py")}
    exec(compile(source, "model.py", "exec"), made)
    model: nn.Module = made["Model"]().eval()
    model.load_state_dict(safetensors.load(weights))
    for some in (images[:1], images):
        with torch.inference_mode():
            check_outputs(model(some), trained, some, "model.py")
    write_atomically(folder / "model.py", lambda file: file.write(source.encode()))
    write_atomically(folder / "model.safetensors", lambda file: file.write(weights))
    return model


@contextlib.contextmanager
def _errors_only(name: str) -> Iterator[None]:
    """Silence a logger's warnings, which are about packages that have nothing to do with the network."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def write_onnx(folder: Path, model: nn.Module, images: Tensor, output: str) -> None:
    """Write ``model.onnx`` for batches of any size, from ``images`` to the name ``output``, and check its
    outputs against the model's for ``images``."""
    onnxruntime = import_extra("onnxruntime", "export", "export")
    with warnings.catch_warnings(), _errors_only("torch.onnx"):
        warnings.simplefilter("ignore")  # torch's exporter warns about itself
        program = torch.onnx.export(
            *(model, (images[:2],)), dynamo=True, verbose=False, input_names=["images"],
            output_names=[output], dynamic_shapes=({0: torch.export.Dim("batch")},),
        )  # fmt: skip
    assert program is not None
    content = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for some in (images[:1], images):
        (found,) = session.run([output], {"images": some.numpy()})
        check_outputs(torch.from_numpy(found), model, some, "model.onnx")
    write_atomically(folder / "model.onnx", lambda file: file.write(content))


def check_outputs(outputs: Tensor, model: nn.Module, images: Tensor, name: str) -> None:
    """Check that ``outputs`` [B, ...] are those of ``model`` for ``images``, except for rounding."""
    with torch.inference_mode():
        expected = model(images)
    difference = (outputs - expected).abs().max().item()
    # Relative to the largest output, as the scale of outputs such as inverse depth is arbitrary.
    if not difference <= _TOLERANCE * expected.abs().max().item() + _ROUNDING:
        raise LmregError(
            f"the outputs of {name} differ from those of the trained network by {difference:.3g}"
        )
