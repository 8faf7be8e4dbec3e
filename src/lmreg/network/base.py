"""The interface of super-nets, and layers and figures that all networks share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from lmreg.config.schema import option
from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.network.mixture import Choice
from lmreg.space.base import Arch, Space

MIXTURES = "mixtures of operations"
PARTIAL_CHANNELS = "operations on a part of the channels"


@dataclass
class SuperNetOnly:
    """Options of a super-net that make no difference to the networks of single architectures."""

    affine: bool = option(
        True,
        before=True,
        help="scale and shift in the batch norms of the super-net's cells (the landmark paper's code has "
        "them); networks trained alone always have them",
    )


class SuperNet(nn.Module, ABC):
    """A network that contains every architecture of a space.

    ``net(x, choice)`` evaluates one path, or a mixture of paths if that is offered. It keeps no state.
    """

    offers: frozenset[str] = frozenset()
    """Features that algorithms and regularisers may require: ``MIXTURES``, ``PARTIAL_CHANNELS``."""
    dense: bool = False
    """Whether outputs are maps [B, outputs, height, width] instead of [B, outputs]."""
    of_space: type[Space] = Space
    """The class of spaces whose architectures it contains."""

    @abstractmethod
    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        """Return the outputs [B, outputs] of ``choice`` for images ``x`` [B, channels, height, width]."""

    def learning_rates(self) -> dict[str, float]:
        """Return factors of the learning rate by prefix of parameters' names; by default none."""
        return {}

    def blocks(self) -> list[nn.Module]:
        """Return the modules that follow each other from the stem to the classifier, such as cells. Each
        returns features [B, channels, height, width]; by default these are the members of module lists."""
        return [
            block for child in self.children() if isinstance(child, nn.ModuleList) for block in _leaves(child)
        ]

    @abstractmethod
    def standalone(self, arch: Arch) -> Standalone:
        """Return a newly initialised network that has only the parts of ``arch``, under the same names."""

    def for_training(self, arch: Arch) -> Standalone:
        """Return `standalone` with parts that only training needs, such as an auxiliary head."""
        return self.standalone(arch)

    def training_outputs(
        self, x: Tensor, arch: Arch, progress: float, noise: torch.Generator
    ) -> list[tuple[float, Tensor]]:
        """Return outputs [B, outputs] in stand-alone training, each with the weight of its loss.

        By default these are the outputs of ``forward`` with weight 1. ``progress`` in [0, 1] is the finished
        share of the training, ``noise`` a generator for random parts on the network's device.
        """
        return [(1.0, self(x, arch))]

    def extract(self, arch: Arch) -> Standalone:
        """Return the stand-alone network of ``arch`` with a copy of the super-net's weights.

        LmregError is raised if the super-net's operations see only a part of the channels.
        """
        alone = self.standalone(arch)
        state = self.state_for(alone)
        if any(state[key].shape != value.shape for key, value in alone.net.state_dict().items()):
            raise LmregError("a super-net with partial channels has no weights for stand-alone networks")
        alone.net.load_state_dict(state)
        return alone

    def state_for(self, alone: Standalone) -> dict[str, Tensor]:
        """Return the super-net's weights, at full size, for the parameters of ``alone``.

        For batch norms that have scale and shift only in ``alone``, its own values are returned; in a new
        network these are 1 and 0, which have no effect.
        """
        own, mine = alone.net.state_dict(), self.state_dict()
        plain = plain_norms(self)
        return {key: own[key] if key in plain else mine[key] for key in own}


class OfferedNetwork(SuperNet):
    """A super-net whose constructor also builds the network of one architecture: with ``_parts``, its other
    arguments, it takes the ``offered`` options of each decision."""

    _parts: tuple[Any, ...]

    def standalone(self, arch: Arch) -> Standalone:
        return Standalone(type(self)(*self._parts, offered=[[c] for c in arch.choices]), arch)


class Standalone(nn.Module):
    """The network of one architecture: a super-net reduced to the parts of one path."""

    def __init__(self, net: SuperNet, arch: Arch):
        super().__init__()
        self.net, self.arch = net, arch

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x, self.arch)


def _leaves(modules: nn.ModuleList) -> list[nn.Module]:
    """Return the members of nested module lists."""
    return [leaf for m in modules for leaf in (_leaves(m) if isinstance(m, nn.ModuleList) else [m])]


def check_partial(channels: int, partial: int) -> None:
    """Raise LmregError if the channels can't be divided into ``partial`` equal parts."""
    if channels % partial:
        raise LmregError(f"partial channels need a multiple of {partial}; network.channels={channels}")


class Pointwise(nn.Conv2d):
    """A 1×1 convolution on every stride-th pixel of every stride-th row.

    The pixels are selected before the convolution: a strided channels-last convolution with fewer than 8
    input channels corrupts memory in the backward pass of torch 2.13's CPU build (seen on AVX2).
    """

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__(c_in, c_out, 1, bias=False)
        self._every = stride

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[:, :, :: self._every, :: self._every])


def convolution(c_in: int, c_out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Return a convolution without bias; with ``stride`` 2, odd sizes are rounded up."""
    if kernel == 1 and stride > 1 and groups == 1:
        return Pointwise(c_in, c_out, stride)
    return nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)


def relu_conv_norm(c_in: int, c_out: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    """Return ReLU, convolution and batch normalisation."""
    return nn.Sequential(nn.ReLU(), convolution(c_in, c_out, kernel, stride), batch_norm(c_out))


def batch_norm(channels: int) -> nn.Module:
    """Return a batch normalisation that always uses batch statistics, as running statistics would mix those
    of all paths."""
    return nn.BatchNorm2d(channels, track_running_stats=False)


def remove_affine(net: nn.Module) -> None:
    """Remove scale and shift from all batch normalisations of ``net``.

    A learned scale could undo an operation's weight in a mixture; DARTS too searches without.
    """
    for layer in net.modules():
        if isinstance(layer, _BatchNorm):
            layer.affine = False
            layer.register_parameter("weight", None)
            layer.register_parameter("bias", None)


def plain_norms(net: nn.Module) -> set[str]:
    """Return the names of scale and shift that the batch normalisations of ``net`` lack."""
    plain = [
        name for name, layer in net.named_modules() if isinstance(layer, _BatchNorm) and not layer.affine
    ]
    return {f"{name}.{part}" for name in plain for part in ("weight", "bias")}


def use_batch_statistics(net: nn.Module) -> None:
    """Make all normalisations of ``net`` use batch statistics, as those of `batch_norm` do."""
    for layer in net.modules():
        if isinstance(layer, _NormBase):
            layer.track_running_stats = False
            layer.running_mean = layer.running_var = layer.num_batches_tracked = None


def track_statistics(net: nn.Module) -> None:
    """Make all batch normalisations of ``net`` keep running statistics, which they use in eval mode.

    In use, a network's outputs for an image must not depend on the other images of the batch.
    """
    device = next(net.parameters()).device
    for layer in net.modules():
        if isinstance(layer, _BatchNorm):
            layer.running_mean = torch.zeros(layer.num_features, device=device)
            layer.running_var = torch.ones(layer.num_features, device=device)
            layer.num_batches_tracked = torch.tensor(0, device=device)
            layer.track_running_stats = True


def layers_of(net: nn.Module) -> list[Any]:
    """Return the convolutions and linear layers of ``net``."""
    return [layer for layer in net.modules() if isinstance(layer, (_ConvNd, nn.Linear))]


def initialise(net: nn.Module) -> None:
    """Draw the weights of convolutions and linear layers from a normal distribution by fan-in, as the
    published scores do (He et al., ICCV 2015), and set their biases to zero."""
    for layer in layers_of(net):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def count_params(net: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(p.numel() for p in net.parameters())


def count_macs(net: nn.Module, shape: InputShape) -> int:
    """Multiply-accumulates for one image: convolutions and matrix products, biases included."""
    device = next(net.parameters()).device
    # Fused attention has no formula on the CPU; its plain form is made of products that have one.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), _MacCounter() as counter:
        # Two images, as batch statistics need more than one value.
        net(torch.zeros(2, shape.channels, shape.height, shape.width, device=device))
    return counter.total // 2


class _MacCounter(TorchDispatchMode):
    """Counts multiply-accumulates by torch's own formulas, call by call.

    torch's ``FlopCounterMode`` gives the same figures, but it also tries to decompose every call and keeps
    track of modules: 23 s for 1,000 architectures of NAS-Bench-201, where this takes 8 s.
    """

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        operation = func._overloadpacket
        if operation is torch.ops.aten.convolution:  # written out, as the general formula below is slow
            x, weight, bias, _, _, _, transposed, *_ = args
            self.total += (x if transposed else output).numel() * weight[0].numel()
            self.total += 0 if bias is None else output.numel()
        elif operation in flop_registry:
            self.total += flop_registry[operation](*args, **(kwargs or {}), out_val=output) // 2
            self.total += output.numel() if operation is torch.ops.aten.addmm else 0
        return output
