"""Mixtures: weighted sums of the options of each decision, evaluated instead of one architecture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lmreg.errors import LmregError
from lmreg.space.base import Arch


@dataclass(frozen=True)
class Mixture:
    """A weighted sum of the options of each decision, which a super-net evaluates instead of a path.

    Attributes:
        weights: one tensor [options] per decision of the space.
        active: the only option of each decision that is evaluated, because the other options' weights are
            zero in value (but not in gradient); None to evaluate all options.
        edges: factor of each decision's sum, [decisions]; None for 1.
    """

    weights: tuple[Tensor, ...]
    active: tuple[int, ...] | None = None
    edges: Tensor | None = None


Choice = Arch | Mixture

Offered = Sequence[Sequence[int]] | None
"""The options, by decision, that a network is built with; None for all."""


def weighted_options(choice: Choice, decision: int) -> list[tuple[int, Tensor | None]]:
    """Return the evaluated options of ``decision``, each with its weight, a scalar tensor or None for 1."""
    if isinstance(choice, Arch):
        return [(choice.choices[decision], None)]
    if isinstance(choice, str):
        raise LmregError(f"{choice!r} is text, not an architecture; use study.space.parse(text)")
    weights = choice.weights[decision]
    options: Sequence[int] = range(len(weights)) if choice.active is None else [choice.active[decision]]
    return [(option, weights[option]) for option in options]


def weighted_sum(apply: Callable[[int], Tensor], weighted: Sequence[tuple[int, Tensor | None]]) -> Tensor:
    """The weighted sum of ``apply(option)`` over the options of `weighted_options`."""
    values = [apply(option) if weight is None else weight * apply(option) for option, weight in weighted]
    return sum(values[1:], start=values[0])


def soft_one_shot(arch: Arch, counts: Sequence[int], delta: float, like: Tensor) -> Mixture:
    """Return a nearly uniform mixture that leans towards ``arch``.

    Of n options, the one that ``arch`` takes has weight 1/n + δ, each other option 1/n − δ/(n−1). ``counts``
    has n for each decision; ``like`` has the device and dtype of the weights.
    """
    weights = []
    for choice, count in zip(arch.choices, counts, strict=True):
        row = torch.full((count,), 1 / count - (delta / (count - 1) if count > 1 else 0.0))
        row[choice] = 1 / count + (delta if count > 1 else 0.0)
        weights.append(row.to(like))
    return Mixture(tuple(weights))
