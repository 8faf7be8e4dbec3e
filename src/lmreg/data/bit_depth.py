"""Mapping samples of more than 8 bits to 8 bits: which range becomes black to white, and how.

A 12-bit picture in a 16-bit file would be nearly black if only its upper 8 bits were kept. Therefore a data
set has one range of samples, by which all of its pictures are mapped to pixels of 8 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lmreg.data.walk import unreadable
from lmreg.errors import LmregError

ValueRange = tuple[float, float]

FULL_16_BIT: ValueRange = (0.0, 65535.0)
"""The full range of 16 bits, of which samples keep their upper 8 bits."""

_USUAL: dict[str, tuple[ValueRange, ...]] = {
    "16-bit": (FULL_16_BIT,),
    "32-bit": (FULL_16_BIT,),
    "whole-number": (FULL_16_BIT,),
    "floating-point": ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), FULL_16_BIT),
}
"""By kind of sample, the customary ranges; one is used if the samples span at least half of it."""


def to_bytes(values: np.ndarray, sample_range: ValueRange) -> np.ndarray:
    """Return finite samples as uint8: ``sample_range`` is mapped to 0 to 255 linearly and rounded (half to
    even); values outside are clipped. `FULL_16_BIT` keeps the upper 8 bits instead."""
    low, high = sample_range
    _check_finite(values)
    clipped = np.clip(values, low, high)
    if sample_range == FULL_16_BIT:
        return (clipped.astype(np.uint16) >> 8).astype(np.uint8)
    return np.rint((clipped.astype(np.float64) - low) / (high - low) * 255).astype(np.uint8)


def _check_finite(values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise ValueError("it has samples that aren't finite numbers")


def parse_value_range(value_range: Sequence[float] | None) -> ValueRange | None:
    """Return the option ``data.value_range``, which must be two finite numbers, the lower one first."""
    if value_range is None:
        return None
    low, high, *more = (*map(float, value_range), math.nan, math.nan)
    if len(more) != 2 or not (math.isfinite(low) and math.isfinite(high) and low < high):
        shown = ",".join(f"{value:g}" for value in value_range)
        raise LmregError(f"data.value_range=[{shown}]: must be two numbers, [low,high], the lower one first")
    return low, high


@dataclass(frozen=True)
class SampleStats:
    """The kind of the samples in a picture or array, and the range of their values."""

    kind: str = "8-bit"
    low: float = 0
    high: float = 255
    upper: np.ndarray | None = field(default=None, repr=False)
    """Histogram of the upper 8 bits of 16-bit samples, int64 [256]."""

    frames: bool = False
    """Whether the file has more pictures than the one that is read."""

    @property
    def deep(self) -> bool:
        """Whether the samples have to be mapped to 8 bits."""
        return self.kind in _USUAL


def sample_stats(values: np.ndarray) -> SampleStats:
    """Return the statistics of an array of finite numbers."""
    _check_finite(values)
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f":
        return SampleStats("floating-point", low, high)
    kind = "16-bit" if values.dtype.kind == "u" and values.itemsize == 2 else "32-bit"
    if low < 0 or high > FULL_16_BIT[1]:
        return SampleStats(kind, low, high)
    return SampleStats(kind, low, high, np.bincount((values.ravel() >> 8).astype(np.uint8), minlength=256))


@dataclass(frozen=True)
class ByteMapping:
    """How a data set's samples become pixels of 8 bits, in words, with notes for the user.

    ``sample_range`` is None if all samples have 8 bits already.
    """

    sample_range: ValueRange | None = None
    words: str = ""
    notes: tuple[str, ...] = ()


def choose_mapping(
    every: Sequence[SampleStats], name: Callable[[int], str], given: ValueRange | None, place: str
) -> ByteMapping:
    """Choose the mapping of a data set; raise LmregError if there is none for its kinds of samples.

    Args:
        every: the statistics of the training pictures, and of one test picture of each other kind.
        name: says where picture i is stored, for messages.
        given: the range that the user asks for, which samples of 8 bits don't have.
    """
    deep = [s for s in every if s.deep]
    if not deep:
        if given is not None:
            raise LmregError(
                f"data.value_range is for samples of more than 8 bits, but those of {place} have 8 and are "
                "used unchanged; leave it out"
            )
        colour = any(s.kind == DEEP_COLOUR for s in every)
        return ByteMapping(notes=("only the upper 8 bits of 16-bit colours are read",) if colour else ())
    kinds = sorted({s.kind for s in deep})
    low, high = min(s.low for s in deep), max(s.high for s in deep)
    chosen = given or (_usual(kinds[0], low, high) if len(kinds) == 1 else (low, high))
    kind = " and ".join(kinds)
    mixed = sorted({s.kind for s in every})
    if given is None and len(mixed) > 1 and chosen != FULL_16_BIT:
        first = [next(i for i, s in enumerate(every) if s.kind == kind) for kind in mixed[:2]]
        examples = " and ".join(f"{name(i)} has {every[i].kind} samples" for i in first)
        raise LmregError(
            f"{place}: {examples}, and those of more than 8 bits range only from {low:g} to {high:g}; save "
            "all pictures alike, or pass data.value_range=[low,high], which become black and white"
        )
    if low == high:
        raise LmregError(
            f"{place}: every {kind} sample of the training images is {low:g}; nothing can be learnt from that"
        )
    words = f"{kind} samples {low:g} to {high:g}"
    if chosen == FULL_16_BIT:
        return ByteMapping(chosen, f"{words}, upper 8 bits kept", _notes_on_outliers(deep, given))
    source = "" if chosen == (low, high) else f"{chosen[0]:g} to {chosen[1]:g} "
    return ByteMapping(chosen, f"{words}, {source}mapped to 0 to 255")


def _usual(kind: str, low: float, high: float) -> ValueRange:
    for usual in _USUAL[kind]:
        if usual[0] <= low and high <= usual[1]:
            return usual if high - low >= (usual[1] - usual[0]) / 2 else (low, high)
    return low, high


def _notes_on_outliers(deep: Sequence[SampleStats], given: ValueRange | None) -> tuple[str, ...]:
    """Return a note if a few bright samples make all the others nearly black."""
    counts = [s.upper for s in deep if s.upper is not None]
    if given is not None or not counts:
        return ()
    total = np.sum(counts, axis=0).cumsum()
    most = int(np.searchsorted(total, 0.99 * total[-1]))
    if most >= 32:
        return ()
    top = 256 * (most + 1) - 1
    return (
        f"99 % of the samples are at most {top} of 65535, so most pictures are nearly black; "
        f"data.value_range=[0,{top}] would make the brightest of these white",
    )


DEEP_COLOUR = "16-bit colour"
"""The kind of samples of which Pillow returns only the upper 8 bits."""


def arrays_to_bytes(
    arrays: Sequence[np.ndarray],
    training: int,
    given: ValueRange | None,
    name: Callable[[int], str],
    place: str,
) -> tuple[list[np.ndarray], ByteMapping]:
    """Return arrays of finite numbers as uint8, all mapped alike: unchanged if all are whole numbers from 0
    to 255, else by the mapping that `choose_mapping` finds for the first ``training`` of them."""
    if all(array.dtype.kind == "b" for array in arrays):
        unchanged = choose_mapping([SampleStats()], name, given, place)
        return [array.astype(np.uint8) * 255 for array in arrays], unchanged
    every: list[SampleStats] = []
    for i, array in enumerate(arrays):
        try:
            every.append(sample_stats(array.astype(np.int64) if array.dtype.kind in "bui" else array))
        except ValueError as error:
            raise unreadable(name(i), "an image", error) from error
    whole = all(s.kind != "floating-point" for s in every)
    if whole and all(s.low >= 0 and s.high <= 255 for s in every):
        unchanged = choose_mapping([SampleStats()], name, given, place)
        return [array.astype(np.uint8) for array in arrays], unchanged
    if whole:
        every = [replace(s, kind="whole-number") for s in every]
    mapping = choose_mapping(every[:training], name, given, place)
    assert mapping.sample_range is not None
    return [to_bytes(array, mapping.sample_range) for array in arrays], mapping
