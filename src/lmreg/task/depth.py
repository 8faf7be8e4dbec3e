"""Monocular depth: inverse depth up to scale and shift.

Source of the loss and of the alignment of scores: Ranftl, Lasinger, Hafner, Schindler, Koltun, "Towards
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

_CONSTANT = 1e-6  # a spread below this share of the values is rounding error
_TINY = 1e-30


@dataclass
class Config:
    name: str = "depth"
    trim: float = option(0.2, min=0, max=0.9, help="share of largest residuals per image that the loss omits")
    gradient_weight: float | None = option(
        0.5, min=0, help="weight of the gradient-matching term; null: none"
    )
    scales: int = option(4, min=1, help="resolutions of that term, each half the one before")


class Depth(Task):
    """One inverse depth per pixel, up to scale and shift.

    Outputs are [B, 1, height, width]; targets are inverse depth [B, height, width] in any unit, NaN where it
    is missing. Missing pixels are ignored. An image whose targets are all missing or all equal has loss 0; an
    image without targets has 0 for every score.
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
        """Return inverse depth, the prediction aligned to the truth's scale and shift as in scores."""
        predicted, true, valid = _masked(outputs, targets)
        slope, shift = _fit(predicted.flatten(1), true.flatten(1), valid.flatten(1))
        free = outputs.squeeze(1).float()
        return slope[:, :, None] * free + shift[:, :, None], targets.float()

    def _losses(self, outputs: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
        """Return the scale-and-shift-invariant trimmed absolute error of each image, [B].

        Equations 5 to 7 of the paper: prediction and truth are each aligned by their median and the mean
        absolute deviation from it. The smallest 1 − ``trim`` of the residuals are summed and divided by twice
        the number of valid pixels. As in the paper, residuals are trimmed per image (in the published code,
        per batch).
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
    """Return predictions, targets (both 0 where these are missing) and their mask, [B, height, width].

    This precedes all arithmetic, as NaN times 0 is NaN, also in gradients.
    """
    valid = targets.isfinite()
    return torch.where(valid, outputs.squeeze(1).to(targets), 0), torch.where(valid, targets, 0), valid


def _count(valid: Tensor) -> Tensor:
    """Return the number of valid pixels of each image [B], at least 1 to be a divisor."""
    return valid.flatten(1).sum(1).clamp(min=1)


def _aligned(maps: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Subtract each image's median and divide by the mean absolute deviation from it; missing pixels are 0.

    Equations 5 and 6 of the paper. The median of an even number of values is the lower middle one.

    Returns:
        The aligned maps [B, height, width], which are 0 for constant images, and whether each image isn't
        constant, bool [B].
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
    """Return the lower median of each row's values in the mask ``there``, [B, 1]."""
    if not torch.are_deterministic_algorithms_enabled():
        return torch.where(there, values, math.nan).nanmedian(1, keepdim=True).values
    return _kth(torch.where(there, values, math.inf), (there.sum(1, keepdim=True) + 1) // 2)


def _kth(values: Tensor, rank: int | Tensor) -> Tensor:
    """Return the ``rank``-th smallest value of each row, counted from 1, [B, 1]; ``rank`` may be [B, 1]."""
    if isinstance(rank, int) and not torch.are_deterministic_algorithms_enabled():
        return values.kthvalue(rank, 1, keepdim=True).values
    # On a GPU, selection gives the gradient to any one of equal values; stable sorting is deterministic.
    ranks = torch.as_tensor(rank, device=values.device).expand(len(values), 1)
    return values.sort(dim=1, stable=True).values.gather(1, (ranks - 1).clamp(min=0))


def _trimmed_sum(errors: Tensor, valid: Tensor, share: float) -> Tensor:
    """Return the sum of the smallest ``share`` of each image's valid ``errors`` (none negative), [B].

    This uses selection, as sorting takes several times as long. Selection has one rank for all images, which
    have different numbers of valid pixels: as many missing pixels count as 0 as make the rank right, the
    other missing pixels as infinite.
    """
    there, flat = valid.flatten(1), errors.flatten(1)
    rank = math.ceil(share * flat.shape[1])
    kept = (share * there.sum(1, keepdim=True).double()).ceil()
    below = (~there).cumsum(1) <= rank - kept
    filled = torch.where(there, flat, torch.where(below, 0, math.inf))
    largest = _kth(filled, rank)
    under = there & (flat < largest)
    # Of errors that equal the largest selected one, as many as there is room for.
    ties = (kept - under.sum(1, keepdim=True)).to(flat)
    return (torch.where(under, flat, 0).sum(1, keepdim=True) + ties * largest)[:, 0]


def _gradients(residuals: Tensor, valid: Tensor, scales: int) -> Tensor:
    """Return the paper's gradient-matching term of each image, [B].

    At each resolution, absolute differences of neighbouring valid residuals are summed and divided by the
    number of valid pixels (as in the authors' code); the term is the sum over resolutions.
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
    """Return the least-squares slope and shift, [B, 1] each, from predicted to true values [B, pixels].

    Only pixels in the mask ``there`` count. Constant predictions have slope 0.
    """
    count = there.sum(1, keepdim=True).clamp(min=1)
    means = [maps.sum(1, keepdim=True) / count for maps in (predicted, true)]
    x, y = (torch.where(there, m - mean, 0) for m, mean in zip((predicted, true), means, strict=True))
    variance = (x * x).sum(1, keepdim=True) / count
    flat = variance <= (_CONSTANT * means[0]) ** 2 + _TINY
    slope = (x * y).sum(1, keepdim=True) / count / torch.where(flat, math.inf, variance)
    return slope, means[1] - slope * means[0]


def _scores(outputs: Tensor, targets: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return RMSE in percent, AbsRel, and δ < 1.25 in percent of each image, [B] each.

    As in the paper, the prediction is first aligned to the truth's scale and shift by least squares in
    inverse depth.

    RMSE is that of inverse depth, in percent of the image's own range, since units are arbitrary.

    The other two compare depths, so they are meaningful only if targets are inverse depth without a shift;
    pixels with targets of 0 or less are ignored. As in the paper, depth is capped at the largest true depth,
    here that of the image. AbsRel is the mean of \\|depth − truth\\| / truth; δ < 1.25 is the share of pixels
    whose ratio of depth to truth is between 1 / 1.25 and 1.25.
    """
    there, predicted, true = valid.flatten(1), outputs.flatten(1), targets.flatten(1)
    slope, shift = _fit(predicted, true, there)
    aligned = slope * predicted + shift
    mean = true.sum(1, keepdim=True) / _count(valid)[:, None]
    y = torch.where(there, true - mean, 0)
    mse = torch.where(there, aligned - true, 0).square().sum(1) / _count(valid)
    span = y.amax(1) - y.amin(1)  # missing pixels have the mean value
    constant = span <= _CONSTANT * mean[:, 0].abs() + _TINY
    rmse = torch.where(constant, 0, 100 * mse.sqrt() / torch.where(constant, 1, span))
    near = there & (true > 0)
    cap = torch.where(near, true, math.inf).amin(1, keepdim=True)
    ratio = torch.where(near, true / torch.maximum(aligned, cap), 1)
    pixels = near.sum(1).clamp(min=1)
    abs_rel = (ratio - 1).abs().sum(1) / pixels
    close = near & (torch.maximum(ratio, 1 / ratio) < 1.25)
    return rmse, abs_rel, 100 * close.sum(1) / pixels
