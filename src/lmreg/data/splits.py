"""Deterministic, class-stratified splits of a training set."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from lmreg.errors import LmregError

T = TypeVar("T")

# One fixed seed: the splits are part of the protocol, not of an experiment's randomness.
_SEED = 20210619


def stratified_order(labels: np.ndarray, seed: int = _SEED) -> np.ndarray:
    """A shuffled order of all items in which every stretch has nearly the classes' proportions.

    Item k of a class with n members is placed at (k + u) / n, u uniform: an even spread.
    """
    rng = np.random.default_rng(seed)
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        position[members] = (np.arange(len(members)) + rng.random(len(members))) / len(members)
    return np.argsort(position, kind="stable")


def split(labels: np.ndarray, fractions: dict[str, float]) -> dict[str, np.ndarray]:
    """Disjoint index arrays, one per name; sizes and class proportions follow ``fractions``.

    Args:
        labels: int64 [n].
        fractions: the share of each split; together at most 1.

    Raises:
        LmregError: the fractions exceed 1, or a split would be empty.
    """
    if min(fractions.values()) <= 0 or sum(fractions.values()) > 1 + 1e-9:
        shares = ", ".join(f"{name} {fraction:.4g}" for name, fraction in fractions.items())
        raise LmregError(f"the split fractions ({shares}) must each be above 0 and add up to at most 1")
    order = stratified_order(labels)
    ends = np.round(np.cumsum(list(fractions.values())) * len(labels)).astype(int)
    parts = np.split(order, ends)[: len(fractions)]
    for name, part in zip(fractions, parts, strict=True):
        if len(part) == 0:
            raise LmregError(f"the {name} split would be empty: there are only {len(labels)} images")
    return dict(zip(fractions, parts, strict=True))


def split_off(items: list[T], labels: np.ndarray, fraction: float, place: str) -> tuple[list[T], list[T]]:
    """Training and test part of what has no test part of its own: the same every time, each in the order
    of ``items``, with the classes' proportions in both.

    Args:
        labels: int64 [n], of the items.
        fraction: of the test part, the option ``data.test_fraction``.
        place: where the items lie, for messages.

    Raises:
        LmregError: as `split`.
    """
    try:
        parts = split(labels, {"test": fraction, "train": 1 - fraction})
    except LmregError as error:
        raise LmregError(f"{place}, data.test_fraction={fraction:g}: {error}") from None
    train, test = ([items[i] for i in sorted(parts[name])] for name in ("train", "test"))
    return train, test


def unused(fraction: float, usual: float) -> tuple[str, ...]:
    """A note for what has a test part of its own, where ``data.test_fraction`` isn't as it usually is."""
    if fraction == usual:
        return ()
    return (f"data.test_fraction={fraction:g} isn't used, as there is a test part",)
