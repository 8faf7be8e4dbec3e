"""Encoders of dense prediction: features of an image at several resolutions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lmreg.errors import LmregError
from lmreg.network.base import batch_norm

LEVELS = 4


class Convolutional(nn.Module):
    """Two 3×3 convolutions per level, the first of which halves the resolution (rounding up)."""

    def __init__(self, channels: int, widths: Sequence[int]):
        super().__init__()
        self.widths = tuple(widths)
        self.levels = nn.ModuleList(
            nn.Sequential(*_conv(c_in, c_out, 2), *_conv(c_out, c_out, 1))
            for c_in, c_out in zip((channels, *widths), widths, strict=False)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features [B, widths[i], height, width] of each level, the largest first."""
        features = []
        for level in self.levels:
            x = level(x)
            features.append(x)
        return features


class Timm(nn.Module):
    """The last levels of a feature extractor of the `timm` library.

    A frozen one is as its weights' file has it, normalisation statistics included. One that is trained
    along normalises by batch statistics, as super-nets do.

    Raises:
        LmregError: the library isn't installed, doesn't know the model or can't load the weights.
    """

    def __init__(self, channels: int, name: str, weights: str | None, frozen: bool):
        super().__init__()
        self._frozen = frozen
        self.model = _timm_model(channels, name, weights)
        self.widths = tuple(self.model.feature_info.channels())
        if frozen:
            self.model = _timm().layers.freeze_batch_norm_2d(self.model).requires_grad_(False).eval()
        else:
            for module in self.model.modules():
                if isinstance(module, _BatchNorm):
                    module.track_running_stats = False
                    module.running_mean = module.running_var = module.num_batches_tracked = None

    def train(self, mode: bool = True) -> Timm:
        super().train(mode and not self._frozen)
        return self

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features [B, widths[i], height, width] of each level, the largest first."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self._frozen):
            features: list[Tensor] = self.model(x)
        return features


def to_size(x: Tensor, size: Sequence[int]) -> Tensor:
    """``x`` [B, channels, height, width] with ``size`` = (height, width), interpolated if need be."""
    if x.shape[2:] == tuple(size):
        return x
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


def _conv(c_in: int, c_out: int, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False), batch_norm(c_out), nn.ReLU()


def _timm() -> Any:
    try:
        import timm
    except ImportError:
        raise LmregError(
            "network.encoder=timm needs the library timm; install it by: pip install 'lmreg[depth]'"
        ) from None
    except Exception as error:  # such as that of a torchvision made for another torch
        raise LmregError(
            f"network.encoder=timm: importing timm fails ({str(error).splitlines()[0]}); do torch and "
            "torchvision go together?"
        ) from error
    return timm


def _timm_model(channels: int, name: str, weights: str | None) -> Any:
    timm = _timm()
    if not timm.is_model(name):
        near = timm.list_models(f"*{name}*")[:3]
        hint = f"; there are {', '.join(near)}" if near else ""
        raise LmregError(f"network.encoder_name={name}: timm has no such model{hint}")
    options: dict[str, Any] = {}
    if weights is not None:
        path = Path(weights).expanduser()
        if not path.is_file():
            raise LmregError(f"network.encoder_weights={weights}: there is no such file")
        # On the meta device a network is built for its structure only.
        if not torch.empty(0).is_meta:
            options = {"pretrained": True, "pretrained_cfg_overlay": {"file": str(path)}}
    try:
        model = timm.create_model(name, features_only=True, in_chans=channels, **options)
        levels = len(model.feature_info)
        if levels > LEVELS:
            last = tuple(range(levels - LEVELS, levels))
            model = timm.create_model(
                name, features_only=True, in_chans=channels, out_indices=last, **options
            )
    except Exception as error:  # what timm and torch raise has no common base
        raise LmregError(
            f"network.encoder_name={name}: can't be built as feature extractor"
            f"{f' with the weights of {weights}' if weights else ''}: {str(error).splitlines()[0]}"
        ) from error
    if levels < LEVELS:
        raise LmregError(f"network.encoder_name={name}: it has {levels} levels; {LEVELS} are needed")
    return model
