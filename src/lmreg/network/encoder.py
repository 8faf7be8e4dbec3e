"""Encoders for dense prediction: features of an image at several resolutions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmreg.data.base import InputShape
from lmreg.errors import LmregError
from lmreg.network.base import use_batch_statistics
from lmreg.network.chain import conv_norm
from lmreg.util.extras import import_extra

LEVELS = 4


class Convolutional(nn.Module):
    """Two 3×3 convolutions per level, the first of which halves the resolution (rounded up)."""

    def __init__(self, channels: int, widths: Sequence[int]):
        super().__init__()
        self.widths = tuple(widths)
        self.levels = nn.ModuleList(
            nn.Sequential(*conv_norm(c_in, c_out, 3, stride=2), *conv_norm(c_out, c_out, 3))
            for c_in, c_out in zip((channels, *widths), widths, strict=False)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features [B, widths[i], height, width] of each level, the largest first."""
        features = []
        for level in self.levels:
            x = level(x)
            features.append(x)
        return features


class Timm(nn.Module):
    """The last levels of a feature extractor from the `timm` library.

    A frozen extractor keeps the weights and normalisation statistics of its file. One that is trained
    normalises by batch statistics, as super-nets do.
    """

    def __init__(self, shape: InputShape, name: str, weights: str | None, frozen: bool):
        super().__init__()
        self._frozen = frozen
        self.model = _timm_model(shape, name, weights)
        self.widths = tuple(self.model.feature_info.channels())
        if frozen:
            from timm.layers import freeze_batch_norm_2d

            self.model = freeze_batch_norm_2d(self.model).requires_grad_(False).eval()
        else:
            use_batch_statistics(self.model)

    def train(self, mode: bool = True) -> Timm:
        super().train(mode and not self._frozen)
        return self

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features [B, widths[i], height, width] of each level, the largest first."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self._frozen):
            features: list[Tensor] = self.model(x)
        return features


def to_size(x: Tensor, size: Sequence[int]) -> Tensor:
    """Interpolate ``x`` [B, channels, height, width] to ``size`` = (height, width) if needed."""
    if x.shape[2:] == tuple(size):
        return x
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


def _timm_model(shape: InputShape, name: str, weights: str | None) -> Any:
    timm, channels = import_extra("timm", "depth", "network.encoder=timm"), shape.channels
    if not timm.is_model(name):
        near = timm.list_models(f"*{name}*")[:3]
        hint = f"; there are {', '.join(near)}" if near else ""
        raise LmregError(f"network.encoder_name={name}: timm has no such model{hint}")
    # On the meta device a network is built only for its structure.
    real = not torch.empty(0).is_meta
    options: dict[str, Any] = {"features_only": True, "in_chans": channels}
    path = None if weights is None else Path(weights).expanduser()
    if path is not None and not path.is_file():
        raise LmregError(f"network.encoder_weights={weights}: there is no such file")
    try:
        model = timm.create_model(name, **options)
        levels = len(model.feature_info)
        if levels > LEVELS:
            options["out_indices"] = tuple(range(levels - LEVELS, levels))
            model = timm.create_model(name, **options)
        if path is not None and real:
            model.load_state_dict(read_once(path, _timm_weights, name, **options))
        # Some models accept only one image size, or have their channels last.
        features = model.eval()(torch.zeros(1, channels, shape.height, shape.width)) if real else []
    except LmregError:
        raise
    except Exception as error:  # errors of timm and torch have no common base
        raise LmregError(
            f"network.encoder_name={name}: it can't be a feature extractor of {shape.width}x{shape.height} "
            f"images{f' with the weights of {weights}' if weights else ''}: {str(error).splitlines()[0]}"
        ) from error
    if levels < LEVELS:
        raise LmregError(f"network.encoder_name={name}: it has {levels} levels; {LEVELS} are needed")
    if any(
        f.ndim != 4 or f.shape[1] != c for f, c in zip(features, model.feature_info.channels(), strict=False)
    ):
        raise LmregError(f"network.encoder_name={name}: its features don't have their channels first")
    return model.train()


def read_once(
    path: Path, read: Callable[..., dict[str, Tensor]], *args: Any, **options: Any
) -> dict[str, Tensor]:
    """Return ``read(path, *args, **options)``, cached for the networks that are built next.

    Only the last result is cached, as long as the file keeps its size and time of change. Copy the tensors
    before changing them.
    """
    about = path.stat()
    return _cached(read, path.resolve(), (about.st_mtime_ns, about.st_size), *args, **options)


@functools.lru_cache(maxsize=1)
def _cached(read: Callable[..., Any], path: Path, version: Any, *args: Any, **options: Any) -> Any:
    return read(path, *args, **options)


def _timm_weights(path: Path, name: str, **options: Any) -> dict[str, Tensor]:
    """Return the state of the extractor ``name`` with the weights in the file at ``path``.

    timm reads them: it maps names and adapts the first convolution to the images' channels.
    """
    import timm
    from timm.models import load_state_dict

    found = load_state_dict(str(path))
    shapes = {tuple(value.shape) for value in found.values()}
    with torch.random.fork_rng(devices=[]):  # as a cached result draws no random numbers
        # A copy, as timm removes the classifier.
        model = timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay={"state_dict": dict(found)}, **options
        )
    # timm ignores names that the file lacks. Compared by shape, as extractors rename their parts; the first
    # weight is left out, as it depends on the images' channels.
    if any(tuple(value.shape) not in shapes for value in list(model.parameters())[1:]):
        raise LmregError(f"network.encoder_weights={path}: these are no weights of {name}")
    return dict(model.state_dict())
