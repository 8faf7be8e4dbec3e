"""What every super-net offers: paths as arguments and stand-alone networks from the same parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

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
    """A network that holds every architecture of a space.

    ``net(x, choice)`` evaluates one path, or a mixture of them where that is offered; nothing about
    it is remembered between calls.
    """

    offers: frozenset[str] = frozenset()
    """What else it can do, and an algorithm or a regulariser may need: ``MIXTURES``,
    ``PARTIAL_CHANNELS``."""
    dense: bool = False
    """Whether outputs are maps [B, outputs, height, width]; else they are [B, outputs]."""
    of_space: type[Space] = Space
    """The space whose architectures it holds."""

    @abstractmethod
    def forward(self, x: Tensor, choice: Choice) -> Tensor:
        """Outputs [B, outputs] of ``choice`` for images ``x`` [B, channels, height, width]."""

    def learning_rates(self) -> dict[str, float]:
        """By the beginning of parameters' names, what the learning rate is multiplied with for them; by
        default it is the same for all."""
        return {}

    @abstractmethod
    def standalone(self, arch: Arch) -> Standalone:
        """A freshly initialised network that has the parts of ``arch`` only, under their names."""

    def for_training(self, arch: Arch) -> Standalone:
        """`standalone` with parts besides that only its own training needs; by default there are none."""
        return self.standalone(arch)

    def training_outputs(
        self, x: Tensor, arch: Arch, progress: float, noise: torch.Generator
    ) -> list[tuple[float, Tensor]]:
        """What the loss of a stand-alone training is made of: outputs [B, outputs], each with the weight
        of its loss; by default those of ``forward``.

        Args:
            progress: share of the training that is done, in [0, 1].
            noise: what to draw from, on the network's device.
        """
        return [(1.0, self(x, arch))]

    def extract(self, arch: Arch) -> Standalone:
        """The stand-alone network of ``arch`` with the super-net's weights copied into it.

        Raises:
            LmregError: the super-net's operations see a part of the channels only.
        """
        alone = self.standalone(arch)
        state = self.state_for(alone)
        if any(state[key].shape != value.shape for key, value in alone.net.state_dict().items()):
            raise LmregError("a super-net with partial channels has no weights for stand-alone networks")
        alone.net.load_state_dict(state)
        return alone

    def state_for(self, alone: Standalone) -> dict[str, Tensor]:
        """The super-net's weights under the names that ``alone`` has for its own, whole where it has fewer.

        Where only ``alone`` has scale and shift in a batch norm, its own are taken; in a network that is
        fresh from `standalone` these are 1 and 0 and change nothing.
        """
        own, mine = alone.net.state_dict(), self.state_dict()
        plain = plain_norms(self)
        return {key: own[key] if key in plain else mine[key] for key in own}


class Standalone(nn.Module):
    """One architecture as a plain network: a super-net reduced to the parts of one path."""

    def __init__(self, net: SuperNet, arch: Arch):
        super().__init__()
        self.net, self.arch = net, arch

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x, self.arch)


def check_partial(channels: int, partial: int) -> None:
    """Nothing if operations can see one of ``partial`` equal parts of the channels.

    Raises:
        LmregError: the channels can't be divided so.
    """
    if channels % partial:
        raise LmregError(f"partial channels need a multiple of {partial}; network.channels={channels}")


class Pointwise(nn.Conv2d):
    """A 1×1 convolution on every stride-th pixel of every stride-th row.

    The pixels are picked first. With a stride of its own, a channels-last convolution of torch 2.13's CPU
    build corrupts memory in the backward pass where it has fewer than 8 input channels (seen on AVX2).
    """

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__(c_in, c_out, 1, bias=False)
        self._every = stride

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[:, :, :: self._every, :: self._every])


def batch_norm(channels: int) -> nn.Module:
    """Normalisation by batch statistics in training and in scoring: running ones would mix those of all
    paths."""
    return nn.BatchNorm2d(channels, track_running_stats=False)


def remove_affine(net: nn.Module) -> None:
    """Take scale and shift out of all batch normalisations of ``net``.

    With them a weight of a mixture means little: the scale behind an operation can undo it. DARTS searches
    without for that reason.
    """
    for layer in net.modules():
        if isinstance(layer, _BatchNorm):
            layer.affine = False
            layer.register_parameter("weight", None)
            layer.register_parameter("bias", None)


def plain_norms(net: nn.Module) -> set[str]:
    """What scale and shift would be called in the batch normalisations of ``net`` that have none."""
    plain = [
        name for name, layer in net.named_modules() if isinstance(layer, _BatchNorm) and not layer.affine
    ]
    return {f"{name}.{part}" for name in plain for part in ("weight", "bias")}


def use_batch_statistics(net: nn.Module) -> None:
    """Let all normalisations of ``net`` be as `batch_norm`: without running statistics."""
    for layer in net.modules():
        if isinstance(layer, _NormBase):
            layer.track_running_stats = False
            layer.running_mean = layer.running_var = layer.num_batches_tracked = None


def track_statistics(net: nn.Module) -> None:
    """Let all batch normalisations of ``net`` keep running statistics, which they use in eval mode.

    For the network of one architecture that is to be used: it must give an image the same outputs
    whatever other images are beside it.
    """
    device = next(net.parameters()).device
    for layer in net.modules():
        if isinstance(layer, _BatchNorm):
            layer.running_mean = torch.zeros(layer.num_features, device=device)
            layer.running_var = torch.ones(layer.num_features, device=device)
            layer.num_batches_tracked = torch.tensor(0, device=device)
            layer.track_running_stats = True


def count_params(net: nn.Module) -> int:
    """Number of trainable values."""
    return sum(p.numel() for p in net.parameters())


def count_macs(net: nn.Module, shape: InputShape) -> int:
    """Multiply-accumulates of convolutions and linear layers (bias included) for one image.

    Of any number of dimensions; what is computed by functions instead of these layers isn't seen.
    """
    total = 0

    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, _ConvTransposeNd):
            products = inputs[0][0].numel() * module.weight[0].numel()
        elif isinstance(module, _ConvNd | nn.Linear):
            products = output[0].numel() * module.weight[0].numel()
        else:
            return
        total += products + (0 if module.bias is None else output[0].numel())

    hooks = [m.register_forward_hook(add) for m in net.modules()]
    try:
        with torch.no_grad():
            device = next(net.parameters()).device
            # Two images: batch statistics of a single value don't exist.
            net(torch.zeros(2, shape.channels, shape.height, shape.width, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    return total
