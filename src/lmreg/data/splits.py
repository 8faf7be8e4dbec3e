"""Deterministic, class-stratified splits of a training set."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from lmreg.errors import LmregError

T = TypeVar("T")

# A fixed seed, as the splits are part of the protocol, not of an experiment's randomness.
_SEED = 20210619


def stratified_order(labels: np.ndarray) -> np.ndarray:
    """Return a shuffled order of all items in which every stretch has nearly the classes' proportions.

    Item k of a class with n members is placed at (k + u) / n, u uniform: an even spread.
    """
    rng = np.random.default_rng(_SEED)
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        position[members] = (np.arange(len(members)) + rng.random(len(members))) / len(members)
    return np.argsort(position, kind="stable")


def stratified_split(labels: np.ndarray, fractions: dict[str, float]) -> dict[str, np.ndarray]:
    """Return disjoint index arrays with the classes' proportions, for ``labels`` int64 [n]; ``fractions`` has
    by name the share of each, at most 1 in total. None may be empty."""
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


def split_off_test(
    items: list[T], labels: np.ndarray, fraction: float, place: str
) -> tuple[list[T], list[T]]:
    """Return the training and test part of a data set that has no test part of its own.

    The parts are the same every time; both keep the order of ``items`` and the proportions of their
    ``labels`` int64 [n]. ``fraction`` is the option ``data.test_fraction``, ``place`` the data set's origin,
    for messages.
    """
    try:
        parts = stratified_split(labels, {"test": fraction, "train": 1 - fraction})
    except LmregError as error:
        raise LmregError(f"{place}, data.test_fraction={fraction:g}: {error}") from None
    train, test = ([items[i] for i in sorted(parts[name])] for name in ("train", "test"))
    return train, test


def unused_fraction_note(fraction: float, default: float) -> tuple[str, ...]:
    """Return a note that ``data.test_fraction``, if it was set, has no effect as there is a test part."""
    if fraction == default:
        return ()
    return (f"data.test_fraction={fraction:g} isn't used, as there is a test part",)
