"""Converting a network to Python code that needs only torch.

`torch.export` records the operations on an image. Convolutions, batch normalisations and linear layers become
layers of a plain module, everything else calls torch's functions directly.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node

from lmreg.data.base import InputShape
from lmreg.errors import LmregError

_aten = torch.ops.aten
_SIZES: dict[Any, str] = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.floordiv: "//", operator.mod: "%"
}  # fmt: skip
"""Arithmetic on sizes, such as the number of images in a batch."""


@dataclass
class PlainModule:
    """The source code of a module class ``Model`` and the values of its ``state_dict``."""

    source: str
    state: dict[str, Tensor]


@dataclass
class _Writer:
    layers: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    state: dict[str, Tensor] = field(default_factory=dict)
    known: dict[Node, Tensor] = field(default_factory=dict)
    """Values that depend only on weights, not on the image."""

    def text(self, value: Any) -> str:
        """Return an argument as source code."""
        if isinstance(value, Node):
            return self._constant(value) if value in self.known else value.name
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(self.text, value))}]"
        if isinstance(value, float) and not math.isfinite(value):
            return f'float("{value}")'
        return repr(value)

    def _constant(self, node: Node) -> str:
        if node.name not in self.state:
            self.state[node.name] = self.known[node].detach().clone(memory_format=torch.contiguous_format)
            shape = list(self.known[node].shape)
            self.layers.append(
                f'self.register_buffer("{node.name}", torch.zeros({shape}, dtype={self.known[node].dtype}))'
            )
        return f"self.{node.name}"

    def layer(self, node: Node, built: str, **state: Tensor | None) -> None:
        name = f"layer{len(self.layers) + 1}"
        self.layers.append(f"self.{name} = {built}")
        for key, value in state.items():
            if value is not None:
                self.state[f"{name}.{key}"] = value.detach().clone().contiguous()
        self.lines.append(f"{node.name} = self.{name}({self.text(node.args[0])})")

    def value(self, argument: Any) -> Any:
        """Return the tensor of an argument that depends only on weights."""
        return self.known[argument] if isinstance(argument, Node) else argument

    def conv(self, node: Node) -> None:
        """Write a convolution, perhaps a transposed one."""
        defaults: tuple[Any, ...] = ([1, 1], [0, 0], [1, 1], 1)
        names: tuple[str, ...] = ("stride", "padding", "dilation", "groups")
        kind = "Conv2d"
        if node.target is _aten.conv_transpose2d.input:
            defaults = ([1, 1], [0, 0], [0, 0], 1, [1, 1])
            names, kind = ("stride", "padding", "output_padding", "groups", "dilation"), "ConvTranspose2d"
        weight, bias = self.value(node.args[1]), self.value([*node.args, None][2])
        given = node.args[3:]
        values = [tuple(v) if isinstance(v, list | tuple) else v for v in (*given, *defaults[len(given) :])]
        options = dict(zip(names, values, strict=True))
        channels = [weight.shape[0], weight.shape[1] * options["groups"]]
        sizes = (*(channels if kind == "ConvTranspose2d" else channels[::-1]), tuple(weight.shape[2:]))
        more = ", ".join(f"{name}={value}" for name, value in options.items())
        built = f"nn.{kind}({', '.join(map(str, sizes))}, {more}, bias={bias is not None})"
        self.layer(node, built, weight=weight, bias=bias)

    def norm(self, node: Node) -> None:
        _, weight, bias, mean, variance, _, momentum, eps, *_ = node.args
        mean, variance, weight = self.value(mean), self.value(variance), self.value(weight)
        dimensions = max(1, node.meta["val"].ndim - 2)
        affine = weight is not None
        built = f"nn.BatchNorm{dimensions}d({len(mean)}, eps={eps}, momentum={momentum}, affine={affine})"
        count = torch.tensor(0)
        self.layer(
            *(node, built), weight=weight, bias=self.value(bias),
            running_mean=mean, running_var=variance, num_batches_tracked=count,
        )  # fmt: skip

    def linear(self, node: Node) -> None:
        _, weight, bias = [*node.args, None][:3]
        weight, bias = self.value(weight), self.value(bias)
        built = f"nn.Linear({weight.shape[1]}, {weight.shape[0]}, bias={bias is not None})"
        self.layer(node, built, weight=weight, bias=bias)

    def other(self, node: Node) -> None:
        if node.target is operator.getitem:
            self.lines.append(f"{node.name} = {self.text(node.args[0])}[{self.text(node.args[1])}]")
            return
        if node.target in _SIZES:
            one, another = map(self.text, node.args)
            self.lines.append(f"{node.name} = {one} {_SIZES[node.target]} {another}")
            return
        if not str(node.target).startswith("aten."):
            raise LmregError(
                f"the network can't be written as plain code: {node.target} isn't an operation of torch's"
            )
        keywords = {k: v for k, v in node.kwargs.items() if k not in ("device", "pin_memory", "layout")}
        parts = [*map(self.text, node.args), *(f"{k}={self.text(v)}" for k, v in keywords.items())]
        # Without the overload, as in ``aten.relu.default``: torch chooses it by itself.
        name = str(node.target).removeprefix("aten.").rpartition(".")[0]
        self.lines.append(f"{node.name} = aten.{name}({', '.join(parts)})")


_LAYERS = {
    _aten.conv2d.default: _Writer.conv,
    _aten.conv_transpose2d.input: _Writer.conv,
    _aten.batch_norm.default: _Writer.norm,
    _aten.linear.default: _Writer.linear,
}


def _is_layer(writer: _Writer, node: Node) -> bool:
    """Whether ``node`` can be one of `_LAYERS`: its weights don't depend on the image, and a normalisation
    uses running statistics."""
    fixed = all(value in writer.known for value in node.args[1:] if isinstance(value, Node))
    by_batch = node.target is _aten.batch_norm.default and (node.args[3] is None or node.args[5])
    return node.target in _LAYERS and fixed and not by_batch


def to_plain_module(net: nn.Module, shape: InputShape) -> PlainModule:
    """Return ``net`` in eval mode as a plain module with the same outputs for images of ``shape``; it may use
    operations of torch's only."""
    example = torch.zeros(2, shape.channels, shape.height, shape.width)
    batch = torch.export.Dim("batch")
    with torch.no_grad():  # else a part that disables gradients is recorded as a separate program
        program = torch.export.export(net.cpu().eval(), (example,), dynamic_shapes=({0: batch},))
    writer, signature = _Writer(), program.graph_signature
    held = dict(program.state_dict) | dict(program.constants)
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    names |= signature.inputs_to_lifted_tensor_constants
    for node in program.graph.nodes:
        if node.op == "placeholder":
            if node.name in names:
                writer.known[node] = held[names[node.name]]
            else:
                image = node.name
        elif node.op == "output":
            writer.lines.append(f"return {writer.text(node.args[0][0])}")
        elif node.all_input_nodes and all(n in writer.known for n in node.all_input_nodes):
            values = torch.fx.node.map_arg((node.args, node.kwargs), lambda n: writer.known[n])
            writer.known[node] = node.target(*values[0], **values[1])
        elif str(node.target).startswith("aten._assert"):
            continue  # conditions on sizes that tracing has found
        else:
            write = _LAYERS[node.target] if _is_layer(writer, node) else _Writer.other
            write(writer, node)
    return PlainModule(_module(writer, image), writer.state)


def _module(writer: _Writer, image: str) -> str:
    def block(lines: list[str]) -> str:
        return "".join(f"        {line}\n" for line in lines)

    return (
        "class Model(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n"
        f"{block(writer.layers)}\n    def forward(self, {image}):\n{block(writer.lines)}"
    )
