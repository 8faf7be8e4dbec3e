"""A network at initialisation and the passes through it, which training-free scores share."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from lmreg.data.base import InputShape
from lmreg.data.images import Batch
from lmreg.network.base import Standalone, count_macs, count_params, layers_of
from lmreg.task.base import Task

_NORMS = {F.batch_norm, F.layer_norm, F.group_norm, F.instance_norm, F.rms_norm}
_aten = torch.ops.aten
_IN_PLACE_TOO = ("relu", "hardtanh", "leaky_relu", "elu", "celu", "silu", "hardswish", "mish")
_RECTIFIERS = {getattr(_aten, name + end) for name in _IN_PLACE_TOO for end in ("", "_")}
_RECTIFIERS |= {_aten.gelu, _aten._prelu_kernel}


@dataclass(frozen=True)
class Gradients:
    """The gradients of the task's loss, batch by batch.

    Attributes:
        weights: by layer with weights, [batches, weights of the layer].
        saliency: by layer, the mean over images and channels' sum of (Σ pixels activation · gradient)² / 2 on
            the first batch, which `fisher` adds up.
    """

    weights: list[Tensor]
    saliency: list[Tensor]


class Probe:
    """The stand-alone network of one architecture at initialisation, and what is observed in it.

    Every observation is made when a score first asks for it, and only once. The network is changed by none.

    Args:
        net: on its device, initialised by `initialise`.
        batches: at least two batches of training images, equally large.
        generator: of whose seed all noise is made, on the CPU, so that it is the same for every device.
    """

    def __init__(
        self, net: Standalone, task: Task, batches: Sequence[Batch], generator: torch.Generator
    ) -> None:
        self.net, self.task, self.batches, self._generator = net, task, batches, generator

    @functools.cached_property
    def params(self) -> int:
        """The number of parameters."""
        return count_params(self.net)

    @functools.cached_property
    def macs(self) -> int:
        """The multiply-accumulates for one image."""
        return count_macs(self.net, InputShape(*self.batches[0].images.shape[1:]))

    @functools.cached_property
    def layers(self) -> list[Any]:
        """The convolutions and linear layers that are trained."""
        return [layer for layer in layers_of(self.net) if layer.weight.requires_grad]

    def random(self, use: str) -> torch.Generator:
        """Return a new generator for ``use``: no score's noise depends on which others were asked for."""
        name = f"{self._generator.initial_seed()} {use}"
        return torch.Generator().manual_seed(zlib.crc32(name.encode()))

    def noise(self, generator: torch.Generator) -> Tensor:
        """Return standard normal images, shaped like a batch."""
        images = self.batches[0].images
        drawn = torch.randn(images.shape, generator=generator).to(images.device)
        return drawn.contiguous(memory_format=torch.channels_last)

    @functools.cached_property
    def active_units(self) -> list[Tensor]:
        """Which units of each rectifier are active, bool [images, units], on the first batch."""
        with torch.no_grad(), _ActiveUnits() as seen:
            self.net(self.batches[0].images)
        return seen.found

    @functools.cached_property
    def gradients(self) -> Gradients:
        """The gradients of the loss on every batch."""
        weights: list[list[Tensor]] = []
        saliency: list[Tensor] = []
        parameters = [layer.weight for layer in self.layers]
        for number, batch in enumerate(self.batches):
            with outputs_of(self.layers if number == 0 else []) as outputs:
                loss = self.task.loss(self.net(batch.images), batch.targets)
            wanted = [*parameters, *outputs]
            found = torch.autograd.grad(loss, wanted, allow_unused=True)
            filled = [torch.zeros_like(w) if g is None else g for g, w in zip(found, wanted, strict=True)]
            weights.append([g.flatten() for g in filled[: len(parameters)]])
            for output, gradient in zip(outputs, filled[len(parameters) :], strict=True):
                product = (
                    (output.detach() * gradient).flatten(2) if output.ndim > 2 else output.detach() * gradient
                )
                summed = product.sum(2) if product.ndim > 2 else product
                saliency.append((summed**2 / 2).mean(0).sum())
        return Gradients([torch.stack(rows) for rows in zip(*weights, strict=True)], saliency)

    @functools.cached_property
    def features(self) -> list[Tensor]:
        """The outputs of the network's blocks for noise, [B, channels, height, width], with their graph."""
        with outputs_of(self.net.net.blocks()) as outputs:
            self.net(self.noise(self.random("features")))
        return outputs


@contextmanager
def outputs_of(modules: Sequence[nn.Module]) -> Iterator[list[Tensor]]:
    """Provide a list that receives the output of each call of the modules, in the order of calls."""
    found: list[Tensor] = []
    hooks = [module.register_forward_hook(lambda _, __, output: found.append(output)) for module in modules]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


class _ActiveUnits(TorchDispatchMode):
    """Notes which units of every rectifier are active, whether it is a module or a function."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        active = (args[0] > 0).flatten(1) if func._overloadpacket in _RECTIFIERS else None
        if active is not None:
            self.found.append(active)
        return func(*args, **(kwargs or {}))


class WithoutNorms(TorchFunctionMode):
    """Leaves out every normalisation."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _NORMS:
            return args[0]
        return func(*args, **(kwargs or {}))


class NormVariances(TorchFunctionMode):
    """Notes the variance of each batch normalisation's input, as a mean over its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.batch_norm:
            self.found.append(args[0].transpose(0, 1).flatten(1).var(1, correction=0).mean())
        return func(*args, **(kwargs or {}))
