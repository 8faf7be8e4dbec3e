"""Samples of more than 8 bits: which range of them becomes black to white, and how.

A picture of 12 bits in a file of 16 would be nearly black if only its upper 8 bits were kept. So a data set
has one range of samples, by which all of its pictures become pixels of 8 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lmreg.errors import LmregError

Range = tuple[float, float]

SIXTEEN: Range = (0.0, 65535.0)
"""All of 16 bits: samples keep their upper 8 bits."""

_USUAL: dict[str, tuple[Range, ...]] = {
    "16-bit": (SIXTEEN,),
    "32-bit": (SIXTEEN,),
    "whole-number": (SIXTEEN,),
    "floating-point": ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), SIXTEEN),
}
"""By kind of sample, the ranges that people mean; taken where the samples fill at least half of one."""


def to_bytes(values: np.ndarray, sample_range: Range) -> np.ndarray:
    """Samples as uint8: the range becomes 0 to 255, linearly and rounded to the nearest (a half to the even
    one), and what lies beyond is clipped to it. `SIXTEEN` keeps the upper 8 bits instead.

    Raises:
        ValueError: a sample isn't finite.
    """
    low, high = sample_range
    _check_finite(values)
    clipped = np.clip(values, low, high)
    if sample_range == SIXTEEN:
        return (clipped.astype(np.uint16) >> 8).astype(np.uint8)
    return np.rint((clipped.astype(np.float64) - low) / (high - low) * 255).astype(np.uint8)


def _check_finite(values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise ValueError("it has samples that are no finite numbers")


def given_range(value_range: Sequence[float] | None) -> Range | None:
    """The option ``data.value_range``, checked.

    Raises:
        LmregError: it isn't two finite numbers, the lower one first.
    """
    if value_range is None:
        return None
    low, high, *more = (*map(float, value_range), math.nan, math.nan)
    if len(more) != 2 or not (math.isfinite(low) and math.isfinite(high) and low < high):
        shown = ",".join(f"{value:g}" for value in value_range)
        raise LmregError(f"data.value_range=[{shown}]: must be two numbers, [low,high], the lower one first")
    return low, high


@dataclass(frozen=True)
class Seen:
    """What kind of samples a picture or array has, and between which values they lie."""

    kind: str = "8-bit"
    low: float = 0
    high: float = 255
    upper: np.ndarray | None = field(default=None, repr=False)
    """Of 16 bits: how many samples have each value of the upper 8 bits, int64 [256]."""

    frames: bool = False
    """Whether the file has more pictures than the one that is read."""

    @property
    def deep(self) -> bool:
        """Whether they have to be mapped to 8 bits."""
        return self.kind in _USUAL


def seen(values: np.ndarray) -> Seen:
    """Of an array of numbers.

    Raises:
        ValueError: a sample isn't finite.
    """
    _check_finite(values)
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f":
        return Seen("floating-point", low, high)
    kind = "16-bit" if values.dtype.kind == "u" and values.itemsize == 2 else "32-bit"
    if low < 0 or high > SIXTEEN[1]:
        return Seen(kind, low, high)
    return Seen(kind, low, high, np.bincount((values.ravel() >> 8).astype(np.uint8), minlength=256))


@dataclass(frozen=True)
class Mapping:
    """How a data set's samples become pixels: its range, if they have more than 8 bits; words for it, and
    what a user should know of it."""

    sample_range: Range | None = None
    words: str = ""
    notes: tuple[str, ...] = ()


def mapping(every: Sequence[Seen], name: Callable[[int], str], given: Range | None, place: str) -> Mapping:
    """The mapping of a data set.

    Args:
        every: what training pictures have, each different kind at least once.
        name: tells where each of them lies, for messages.
        given: the range that the user asks for.

    Raises:
        LmregError: there are several kinds of samples that no range brings together, the range that was
            asked for suits none, or all samples have one value.
    """
    deep = [s for s in every if s.deep]
    if not deep:
        if given is not None:
            raise LmregError(
                f"data.value_range is for samples of more than 8 bits, but those of {place} have 8 and are "
                "taken as they are; leave it out"
            )
        return Mapping(notes=_notes_of_colour(every))
    kinds = sorted({s.kind for s in deep})
    low, high = min(s.low for s in deep), max(s.high for s in deep)
    chosen = given or (_usual(kinds[0], low, high) if len(kinds) == 1 else (low, high))
    kind = " and ".join(kinds)
    mixed = sorted({s.kind for s in every})
    if given is None and len(mixed) > 1 and chosen != SIXTEEN:
        told = " and ".join(f"{name(_first(every, k))} has {k} samples" for k in mixed[:2])
        raise LmregError(
            f"{place}: {told}, and those of more than 8 bits go from {low:g} to {high:g} only; save all "
            "pictures alike, or pass data.value_range=[low,high], which become black and white"
        )
    if low == high:
        raise LmregError(
            f"{place}: every {kind} sample of the training images is {low:g}; nothing can be learnt from that"
        )
    words = f"{kind} samples {low:g} to {high:g}"
    if chosen == SIXTEEN:
        return Mapping(chosen, f"{words}, upper 8 bits kept", _notes_of_outliers(deep, given))
    said = "" if chosen == (low, high) else f"{chosen[0]:g} to {chosen[1]:g} "
    return Mapping(chosen, f"{words}, {said}mapped to 0 to 255")


def _usual(kind: str, low: float, high: float) -> Range:
    for usual in _USUAL[kind]:
        if usual[0] <= low and high <= usual[1]:
            return usual if high - low >= (usual[1] - usual[0]) / 2 else (low, high)
    return low, high


def _first(every: Sequence[Seen], kind: str) -> int:
    return next(i for i, s in enumerate(every) if s.kind == kind)


def _notes_of_outliers(deep: Sequence[Seen], given: Range | None) -> tuple[str, ...]:
    """Where a few bright samples make the others nearly black."""
    counts = [s.upper for s in deep if s.upper is not None]
    if given is not None or not counts:
        return ()
    total = np.sum(counts, axis=0).cumsum()
    most = int(np.searchsorted(total, 0.99 * total[-1]))
    if most >= 32:
        return ()
    top = 256 * (most + 1) - 1
    return (
        f"99 % of the samples are at most {top} of 65535, so that most pictures are nearly black; "
        f"data.value_range=[0,{top}] would make these white",
    )


def _notes_of_colour(every: Sequence[Seen]) -> tuple[str, ...]:
    if not any(s.kind == COLOUR for s in every):
        return ()
    return ("of colours with 16 bits only the upper 8 are read",)


COLOUR = "16-bit colour"
"""The kind of samples of which Pillow hands over the upper 8 bits."""


def as_bytes(
    arrays: Sequence[np.ndarray], training: int, given: Range | None, name: Callable[[int], str], place: str
) -> tuple[list[np.ndarray], Mapping]:
    """Arrays of numbers as uint8, all in one way: as they are where all are whole numbers from 0 to 255,
    else by the `mapping` of the first ``training`` of them.

    Raises:
        LmregError: a number isn't finite, or as `mapping`.
    """
    if all(array.dtype.kind == "b" for array in arrays):
        return [array.astype(np.uint8) * 255 for array in arrays], mapping([Seen()], name, given, place)
    every: list[Seen] = []
    for i, array in enumerate(arrays):
        try:
            every.append(seen(array.astype(np.int64) if array.dtype.kind in "bui" else array))
        except ValueError as error:
            raise LmregError(f"can't read {name(i)} as an image: {error}; mend or remove it") from error
    whole = all(s.kind != "floating-point" for s in every)
    if whole and all(s.low >= 0 and s.high <= 255 for s in every):
        return [array.astype(np.uint8) for array in arrays], mapping([Seen()], name, given, place)
    if whole:
        every = [replace(s, kind="whole-number") for s in every]
    found = mapping(every[:training], name, given, place)
    assert found.sample_range is not None
    return [to_bytes(array, found.sample_range) for array in arrays], found
