"""Monocular depth: inverse depth up to scale and shift.

Source of the loss and of how scores are aligned: Ranftl, Lasinger, Hafner, Schindler, Koltun, "Towards
Robust Monocular Depth Estimation: Mixing Datasets for Zero-shot Cross-dataset Transfer", TPAMI 2020.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lmreg.config.schema import option
from lmreg.task.base import Output, Score, Task

INVERSE_DEPTH = "inverse depth per pixel"

_CONSTANT = 1e-6  # a spread of less than this share of the values is rounding, not depth
_TINY = 1e-30


@dataclass
class Config:
    name: str = "depth"
    trim: float = option(
        0.2, min=0, max=0.9, help="share of each image's largest residuals that the loss leaves out"
    )
    gradient_weight: float | None = option(
        0.5, min=0, help="weight of the loss's gradient-matching term; null: no such term"
    )
    scales: int = option(4, min=1, help="resolutions of that term, each half the one before")


class Depth(Task):
    """One inverse depth per pixel, of which scale and shift are free.

    Outputs are [B, 1, height, width]; targets are inverse depth [B, height, width] in any unit, NaN
    where it is missing. A missing pixel takes no part in anything. An image whose targets are all
    missing or all equal has loss 0, and one without any has 0 for every score.
    """

    scores = {  # noqa: RUF012
        "loss": Score("loss", higher_is_better=False),
        "rmse": Score("rmse_percent", higher_is_better=False),
        "abs_rel": Score("abs_rel", higher_is_better=False),
        "delta1": Score("delta1_percent", higher_is_better=True),
    }
    takes = INVERSE_DEPTH
    dense = True
    truth = "rmse"
    output = Output(
        "inverse_depth",
        "inverse depth up to scale and shift, a map per image: more is nearer; with slope and shift fitted "
        "to known depths, depth is 1 / (slope * inverse_depth + shift)",
    )

    def __init__(self, config: Config | None = None):
        self.config = config or Config()

    def outputs(self, classes: int) -> int:
        return 1

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._losses(*_masked(outputs, targets)).mean()

    def measure(self, outputs: Tensor, targets: Tensor) -> Tensor:
        maps = _masked(outputs, targets)
        return torch.stack([self._losses(*maps).sum(), *(scores.sum() for scores in _scores(*maps))]).float()

    def maps(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Inverse depth, the prediction brought to the truth's scale and shift as for the scores."""
        predicted, true, valid = _masked(outputs, targets)
        slope, shift = _fit(predicted.flatten(1), true.flatten(1), valid.flatten(1))
        free = outputs.squeeze(1).float()
        return slope[:, :, None] * free + shift[:, :, None], targets.float()

    def _losses(self, outputs: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
        """The scale-and-shift-invariant trimmed absolute error of each image, [B].

        Equations 5 to 7 of the paper: prediction and truth are each aligned by their median and mean
        absolute deviation from it, and the smallest 1 − ``trim`` of the residuals are added up, divided
        by twice the number of valid pixels. The paper trims each image's residuals (its authors'
        published code, the batch's); so does this.
        """
        config = self.config
        aligned, _ = _aligned(outputs, valid)
        truth, varied = _aligned(targets, valid)
        residuals = aligned - truth
        losses = _trimmed_sum(residuals.abs(), valid, 1 - config.trim) / (2 * _count(valid))
        if config.gradient_weight is not None:
            losses = losses + config.gradient_weight * _gradients(residuals, valid, config.scales)
        return torch.where(varied, losses, 0)


def _masked(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Predictions and targets [B, height, width] with 0 where there is no target, and where there is one.

    Before any arithmetic: a NaN times 0 is a NaN, in gradients too.
    """
    valid = targets.isfinite()
    return torch.where(valid, outputs.squeeze(1).to(targets), 0), torch.where(valid, targets, 0), valid


def _count(valid: Tensor) -> Tensor:
    """Valid pixels of each image [B], at least 1 so that it can divide."""
    return valid.flatten(1).sum(1).clamp(min=1)


def _aligned(maps: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Each image less its median, over its mean absolute deviation from it; 0 at missing pixels.

    Equations 5 and 6 of the paper; of an even number of values the median is the lower middle one.

    Returns:
        The aligned maps [B, height, width] and bool [B], whether there was anything to align: constant
        maps become 0.
    """
    there = valid.flatten(1)
    flat = maps.flatten(1)
    median = torch.where(there.any(1, keepdim=True), _median(flat, there), 0)
    deviations = torch.where(there, flat - median, 0)
    spread = deviations.abs().sum(1, keepdim=True) / _count(valid)[:, None]
    varied = spread > _CONSTANT * median.abs() + _TINY
    aligned = torch.where(varied, deviations / torch.where(varied, spread, 1), 0)
    return aligned.view_as(maps), varied[:, 0]


def _median(values: Tensor, there: Tensor) -> Tensor:
    """The lower middle one of each row's values that are ``there``, [B, 1]; anything where none is."""
    if not torch.are_deterministic_algorithms_enabled():
        return torch.where(there, values, math.nan).nanmedian(1, keepdim=True).values
    return _kth(torch.where(there, values, math.inf), (there.sum(1, keepdim=True) + 1) // 2)


def _kth(values: Tensor, rank: int | Tensor) -> Tensor:
    """The value of that rank in each row, from 1 for the smallest; [B, 1]. ``rank`` may be [B, 1]."""
    if isinstance(rank, int) and not torch.are_deterministic_algorithms_enabled():
        return values.kthvalue(rank, 1, keepdim=True).values
    # On a GPU selection gives the gradient to any one of equal values; sorting, to the same one each time.
    ranks = torch.as_tensor(rank, device=values.device).expand(len(values), 1)
    return values.sort(dim=1, stable=True).values.gather(1, (ranks - 1).clamp(min=0))


def _trimmed_sum(errors: Tensor, valid: Tensor, share: float) -> Tensor:
    """The sum of the smallest ``share`` of each image's valid ``errors`` (none negative), [B].

    By selection, since sorting costs several times as much. Selection takes one rank for all images,
    which have different numbers of valid pixels: so many missing ones count as 0 that the rank is
    right, the others as infinite.
    """
    there, flat = valid.flatten(1), errors.flatten(1)
    rank = math.ceil(share * flat.shape[1])
    kept = (share * there.sum(1, keepdim=True).double()).ceil()
    below = (~there).cumsum(1) <= rank - kept
    filled = torch.where(there, flat, torch.where(below, 0, math.inf))
    largest = _kth(filled, rank)
    under = there & (flat < largest)
    # Errors that equal the largest one kept: as many of them as there is room for.
    ties = (kept - under.sum(1, keepdim=True)).to(flat)
    return (torch.where(under, flat, 0).sum(1, keepdim=True) + ties * largest)[:, 0]


def _gradients(residuals: Tensor, valid: Tensor, scales: int) -> Tensor:
    """The paper's gradient-matching term of each image, [B].

    At each resolution the absolute differences of neighbouring residuals, over the valid pixels of that
    resolution (as in the authors' code), added up over resolutions. A difference takes two valid pixels.
    """
    total = residuals.new_zeros(len(residuals))
    for scale in range(scales):
        step = 2**scale
        r, v = residuals[:, ::step, ::step], valid[:, ::step, ::step]
        across = torch.where(v[:, :, 1:] & v[:, :, :-1], r[:, :, 1:] - r[:, :, :-1], 0)
        down = torch.where(v[:, 1:] & v[:, :-1], r[:, 1:] - r[:, :-1], 0)
        total = total + (across.abs().sum((1, 2)) + down.abs().sum((1, 2))) / _count(v)
    return total


def _fit(predicted: Tensor, true: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and shift, [B, 1] each, that bring each image's values [B, pixels] nearest to the true ones by
    least squares over the pixels that are ``there``; slope 0 for constant ones."""
    count = there.sum(1, keepdim=True).clamp(min=1)
    means = [maps.sum(1, keepdim=True) / count for maps in (predicted, true)]
    x, y = (torch.where(there, m - mean, 0) for m, mean in zip((predicted, true), means, strict=True))
    variance = (x * x).sum(1, keepdim=True) / count
    flat = variance <= (_CONSTANT * means[0]) ** 2 + _TINY
    slope = (x * y).sum(1, keepdim=True) / count / torch.where(flat, math.inf, variance)
    return slope, means[1] - slope * means[0]


def _scores(outputs: Tensor, targets: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """RMSE in percent, AbsRel and δ < 1.25 in percent of each image, three times [B].

    As the paper evaluates, the prediction is first brought to the truth's scale and shift by least
    squares in inverse depth.

    RMSE is that of inverse depth, in percent of the image's own range of it, since units are free.

    The other two compare depths, so that they mean something only where targets are inverse depth
    without a shift; pixels with targets of 0 or less don't count. Depth is capped, as the paper does, at
    the largest true one, here the image's. AbsRel is the mean of \\|depth − truth\\| / truth; δ < 1.25 the
    share of pixels whose ratio of depth to truth lies between 1 / 1.25 and 1.25.
    """
    there, predicted, true = valid.flatten(1), outputs.flatten(1), targets.flatten(1)
    slope, shift = _fit(predicted, true, there)
    aligned = slope * predicted + shift
    mean = true.sum(1, keepdim=True) / _count(valid)[:, None]
    y = torch.where(there, true - mean, 0)
    mse = torch.where(there, aligned - true, 0).square().sum(1) / _count(valid)
    span = y.amax(1) - y.amin(1)  # missing pixels are at the mean
    constant = span <= _CONSTANT * mean[:, 0].abs() + _TINY
    rmse = torch.where(constant, 0, 100 * mse.sqrt() / torch.where(constant, 1, span))
    near = there & (true > 0)
    cap = torch.where(near, true, math.inf).amin(1, keepdim=True)
    ratio = torch.where(near, true / torch.maximum(aligned, cap), 1)
    pixels = near.sum(1).clamp(min=1)
    abs_rel = (ratio - 1).abs().sum(1) / pixels
    close = near & (torch.maximum(ratio, 1 / ratio) < 1.25)
    return rmse, abs_rel, 100 * close.sum(1) / pixels
