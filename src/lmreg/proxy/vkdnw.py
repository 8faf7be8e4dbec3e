"""How evenly the outputs tell about the weights: the spectrum of the Fisher information."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from lmreg.proxy.base import Proxy
from lmreg.proxy.probe import Probe
from lmreg.task.base import LABELS

_IMAGES = 16  # the cost grows with them
_SMOOTHING = 0.05  # without it, large logits leave no information at all


@dataclass
class Config:
    name: str = "vkdnw"


class Vkdnw(Proxy):
    """The number of parameter tensors, and how evenly outputs tell about them.

    It is that number plus the entropy of the normalised deciles of the eigenvalues of the Fisher information
    of the first element of each, for noise. Normalisations use no statistics, and 5 % of the probability of
    labels is spread over all.

    Source: Týbl & Neumann, "Training-free Neural Architecture Search through Variance of Knowledge of Deep
    Network Weights", CVPR 2025, equations 8 to 10 (VKDNW_single), and its released code.
    """

    takes = LABELS

    def __init__(self, config: Config):
        self.config = config

    def score(self, probe: Probe) -> float:
        with _FirstElements() as first:
            logits = probe.net(probe.noise(probe.random("vkdnw"))[:_IMAGES])
        rows = []
        for label in range(logits.shape[1]):
            found = torch.autograd.grad(
                logits[:, label].sum(), first.changes, retain_graph=True, allow_unused=True
            )
            rows.append([torch.zeros(len(logits)) if g is None else g.flatten().cpu() for g in found])
        jacobian = torch.stack(
            [torch.stack(row, 1) for row in rows], 1
        ).double()  # [images, labels, elements]
        chance = logits.detach().cpu().double().softmax(1)[:, :, None]
        chance = (1 - _SMOOTHING) * chance + _SMOOTHING / logits.shape[1]
        centred = (jacobian - (chance * jacobian).sum(1, keepdim=True)) * chance.sqrt()
        fisher = torch.einsum("ncp,ncq->pq", centred, centred) / len(logits)
        if not bool(fisher.isfinite().all()):
            return float("nan")
        values = torch.linalg.eigvalsh(fisher).clamp(min=0)
        deciles = torch.quantile(values, torch.arange(0.1, 0.95, 0.1, dtype=torch.float64))
        shares = deciles / deciles.sum()
        return len(first.changes) - float(torch.xlogy(shares, shares).sum())


_CONVOLUTION = ("stride", "padding", "dilation", "groups")  # behind input, weight and bias


def _bias(args: Any, kwargs: Any) -> Any:
    """Return the bias of a call with input, weight and bias."""
    return args[2] if len(args) > 2 else kwargs.get("bias")


class _FirstElements(TorchFunctionMode):
    """Gives each image a change of its own, which is zero, of the first element of every parameter of
    convolutions, linear layers and normalisations; the gradients of these changes are a Jacobian by image.

    Normalisations only scale and shift, as they do in evaluation mode before any training.
    """

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Tensor] = []

    def _change(self, x: Tensor) -> Tensor:
        change = x.new_zeros((len(x), *[1] * (x.ndim - 1))).requires_grad_(True)
        self.changes.append(change)
        return change

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.batch_norm:
            weight = args[3] if len(args) > 3 else kwargs.get("weight")
            return args[0] if weight is None else self._added(args[0], args[0][:, :1], True)
        if func is F.linear:
            x, y = args[0].movedim(-1, 1), func(*args, **kwargs).movedim(-1, 1)
            return self._added(y, x[:, :1], _bias(args, kwargs) is not None).movedim(1, -1)
        if func is torch.conv2d:
            x, kernel = args[0], torch.zeros_like(args[1][:1, :1])
            kernel[0, 0].flatten()[0] = 1
            options = dict(zip(_CONVOLUTION, args[3:], strict=False)) | kwargs
            shared = {name: options[name] for name in _CONVOLUTION[:-1] if name in options}
            shifted = func(x[:, :1], kernel, **shared)
            return self._added(func(*args, **kwargs), shifted, _bias(args, kwargs) is not None)
        return func(*args, **kwargs)

    def _added(self, y: Tensor, direction: Tensor, bias: bool) -> Tensor:
        """Return ``y`` [B, channels, ...] with changes of its first channel along ``direction`` and, if there
        is a ``bias``, of its first bias."""
        change = self._change(y) * direction.detach() + (self._change(y) if bias else 0)
        return torch.cat([y[:, :1] + change, y[:, 1:]], 1)
