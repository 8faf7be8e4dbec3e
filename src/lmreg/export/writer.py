"""The files of an exported network: weights, code, preprocessing, ONNX; each checked before it stays."""

from __future__ import annotations

import contextlib
import importlib
import logging
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lmreg.errors import LmregError
from lmreg.export.code import Plain
from lmreg.task.base import Output
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
    """The trained model, ready to use: float32 images [batch, {channels}, {height}, {width}] in,
    {shape} out, the {name}:
    {meaning}.

    ``preprocess`` of preprocess.py makes such images of pictures, as training did.
    """
    from safetensors.torch import load_file

    model = Model()
    model.load_state_dict(load_file(path))
    return model.eval()
'''

_TOLERANCE = 1e-4  # of the largest output: other kernels add up in another order
_ROUNDING = 1e-5  # in outputs that are next to nothing


def extra(name: str) -> Any:
    """A module of the extra ``export``.

    Raises:
        LmregError: it isn't installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        raise LmregError(f"export needs {package}; install it by: pip install 'lmreg[export]'") from None


def _in_docstring(text: str) -> str:
    """``text`` so that quotes and backslashes in it, as of a folder's name, stay what they are."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def write_code(
    folder: Path, plain: Plain, about: str, trained: nn.Module, images: Tensor, output: Output
) -> nn.Module:
    """``model.py`` and ``model.safetensors``, checked against the outputs of ``trained`` for ``images``
    [B, channels, height, width]; the model that these files give, in eval mode.

    Args:
        output: what the outputs are, for the documentation in the code.

    Raises:
        LmregError: a package is missing, or the outputs differ.
    """
    safetensors = extra("safetensors.torch")
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
            check(model(some), trained, some, "model.py")
    write_atomically(folder / "model.py", lambda file: file.write(source.encode()))
    write_atomically(folder / "model.safetensors", lambda file: file.write(weights))
    return model


@contextlib.contextmanager
def _quiet(name: str) -> Iterator[None]:
    """That logger without its warnings: it tells of packages that have nothing to do with the network."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def write_onnx(folder: Path, model: nn.Module, images: Tensor, output: str) -> None:
    """``model.onnx`` for batches of any size, checked against the model's outputs for ``images``.

    Args:
        output: the name of its output; its input's is ``images``.

    Raises:
        LmregError: a package is missing, or the outputs differ.
    """
    for name in ("onnx", "onnxscript"):
        extra(name)
    onnxruntime = extra("onnxruntime")
    with warnings.catch_warnings(), _quiet("torch.onnx"):
        warnings.simplefilter("ignore")  # of torch's exporter about itself
        program = torch.onnx.export(
            *(model, (images[:2],)), dynamo=True, verbose=False, input_names=["images"],
            output_names=[output], dynamic_shapes=({0: torch.export.Dim("batch")},),
        )  # fmt: skip
    assert program is not None
    content = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for some in (images[:1], images):
        (found,) = session.run([output], {"images": some.numpy()})
        check(torch.from_numpy(found), model, some, "model.onnx")
    write_atomically(folder / "model.onnx", lambda file: file.write(content))


def check(outputs: Tensor, model: nn.Module, images: Tensor, name: str) -> None:
    """Nothing if ``outputs`` [B, ...] are those of ``model``.

    Raises:
        LmregError: they differ by more than other kernels explain.
    """
    with torch.inference_mode():
        expected = model(images)
    difference = (outputs - expected).abs().max().item()
    # Depth has no scale of its own: what is small must be as near as what is large.
    if not difference <= _TOLERANCE * expected.abs().max().item() + _ROUNDING:
        raise LmregError(
            f"{name} gives other outputs than the trained network: they differ by {difference:.3g}"
        )
