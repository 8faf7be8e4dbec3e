"""What was read, in two lines and notes; data that nothing can be learnt from is refused."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lmreg.data.base import RawData
from lmreg.data.copies import copies
from lmreg.data.layout import difference, nearly_same
from lmreg.errors import LmregError, printable

_MOST_NAMED = 10
_LONGEST_NAME = 24
_FEW_VALUES = 16  # 8-bit pictures that use fewer look black; masks and scans of numbers do
_PIECE = 100  # images that are looked at in one go


def check_pictures(raw: RawData, place: str) -> None:
    """Nothing where the pictures of each part differ.

    Raises:
        LmregError: all are one and the same, perhaps black.
    """
    for name, part in (("training", raw.train), ("test", raw.test)):
        images, first = part.images, part.images[:1]
        if len(images) < 2 and name == "test":
            continue
        pieces = (images[i : i + _PIECE] for i in range(0, len(images), _PIECE))
        if any((piece != first).any() for piece in pieces):
            continue
        value = int(first.flat[0])
        if (first == value).all():
            what = {0: "black", 255: "white"}.get(value, "of one shade")
            raise LmregError(
                f"{place}: every {name} picture is {what} (all samples are {value} of 255); nothing can be "
                f"learnt from that{''.join(f'; {note}' for note in raw.reading.notes)}"
            )
        raise LmregError(
            f"{place}: all {len(images)} {name} pictures are the same; nothing can be learnt from that"
        )


def check_sizes(sizes: Mapping[str, int], place: str) -> None:
    """Nothing where every split has images enough for the statistics of a batch.

    Raises:
        LmregError: one has a single image.
    """
    for name, size in sizes.items():
        if size == 1:
            told = ", ".join(f"{count:,} {split}" for split, count in sizes.items())
            raise LmregError(
                f"{place}: the {name} split has one image only ({told}), but batch normalisation takes two; "
                "give more images, or change data.train_fraction, data.rank_fraction or data.test_fraction"
            )


def check_targets(raw: RawData, indices: Mapping[str, np.ndarray], place: str) -> None:
    """Nothing where most images of every split are of classes that training has, and maps aren't constant.

    Raises:
        LmregError: they aren't.
    """
    targets = raw.train.targets
    if targets.ndim > 1:
        for name, part in (("training", raw.train), ("test", raw.test)):
            if targets.dtype.kind == "f" and _one_valued(part.targets).all():
                raise LmregError(
                    f"{place}: every map of the {name} part has one value only; nothing can be learnt from it"
                )
        return
    known = np.unique(targets[indices["train"]])
    for name, labels in _labels(raw, indices).items():
        strange = ~np.isin(labels, known)
        if 2 * strange.sum() > len(labels):
            raise LmregError(
                f"{place}: {strange.sum():,} of the {len(labels):,} images of the {name} split are of "
                f"classes without any image in the train split ({len(raw.classes):,} classes, "
                f"{len(targets):,} training images); give more images of each class, or name other classes"
            )


def told(raw: RawData, indices: Mapping[str, np.ndarray], place: str) -> list[str]:
    """Two lines on what was read from ``place``, and a line for each thing that the user should know.

    Args:
        indices: of the training images in each split.
    """
    reading, splits = (
        raw.reading,
        {name: len(i) for name, i in indices.items()} | {"test": len(raw.test.images)},
    )
    sizes = ", ".join(f"{size:,} {name}" for name, size in splits.items())
    height, width, channels = raw.train.images.shape[1:]
    low, high = int(raw.train.images.min()), int(raw.train.images.max())
    what = [*reading.taken, *([names_in_words(raw.classes)] if raw.classes else []), f"images: {sizes}"]
    samples = f" ({reading.samples})" if reading.samples else ""
    pixels = [
        f"{width}x{height}, {channels} channel{'s' if channels > 1 else ''}",
        f"values {low} to {high}{samples}",
    ]
    if raw.train.targets.dtype.kind == "f":
        pixels.append(_maps_in_words(raw.train.targets))
    passed = ", ".join(reading.passed_over) or "nothing"
    lines = [f"Read {place}: {'; '.join(what)}", f"Pixels: {'; '.join(pixels)}; passed over: {passed}"]
    lines += [f"Note: {note}" for note in _notes(raw, indices, low, high)]
    return [printable(line) for line in lines]


def names_in_words(classes: tuple[str, ...]) -> str:
    """``3 classes (a, b, c)``; of many the first and the last ones, long names cut."""
    short = [name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..." for name in classes]
    if len(short) > _MOST_NAMED:
        short = [*short[: _MOST_NAMED - 3], "...", short[-1]]
    return f"{len(classes):,} classes ({', '.join(short)})"


def _notes(raw: RawData, indices: Mapping[str, np.ndarray], low: int, high: int) -> list[str]:
    notes = list(raw.reading.notes)
    if high - low < _FEW_VALUES:
        notes.append(
            f"pixel values go from {low} to {high} of 255 only; are the pictures what they should be?"
        )
    flat = [c for c, pixels in enumerate(np.moveaxis(raw.train.images, -1, 0)) if _constant(pixels)]
    if flat:
        which = " and ".join(str(c + 1) for c in flat)
        notes.append(f"channel {which} has one value in all training images, so that it tells nothing")
    for a, b in nearly_same(raw.classes):
        notes.append(f"the classes {a!r} and {b!r} differ by {difference(a, b)} only")
    notes += copies(raw)
    if raw.train.targets.ndim == 1:
        notes += _notes_of_classes(raw, indices)
    elif raw.train.targets.dtype.kind == "f" and (count := int(_one_valued(raw.train.targets).sum())):
        notes.append(f"{count:,} of {len(raw.train.targets):,} training maps have one value only")
    return notes


def _notes_of_classes(raw: RawData, indices: Mapping[str, np.ndarray]) -> list[str]:
    missing = {
        name: np.flatnonzero(np.bincount(labels, minlength=len(raw.classes)) == 0)
        for name, labels in _labels(raw, indices).items()
    }
    by_split = []
    for name, labels in missing.items():
        if len(labels):
            some = ", ".join(raw.classes[i][:_LONGEST_NAME] for i in labels[:3])
            by_split.append(f"{name} {len(labels):,} ({some}{', ...' if len(labels) > 3 else ''})")
    if not by_split:
        return []
    return [f"classes without an image, by split: {'; '.join(by_split)} of {len(raw.classes):,}"]


def _labels(raw: RawData, indices: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The labels of each split."""
    return {name: raw.train.targets[i] for name, i in indices.items()} | {"test": raw.test.targets}


def _constant(pixels: np.ndarray) -> bool:
    """Whether all values of [n, height, width] are one; stops at the first that isn't."""
    first = pixels[0, 0, 0]
    pieces = (pixels[i : i + _PIECE] for i in range(0, len(pixels), _PIECE))
    return not any((piece != first).any() for piece in pieces)


def _one_valued(maps: np.ndarray) -> np.ndarray:
    """Bool [n]: which of the maps [n, height, width] have one value wherever they aren't NaN."""
    flat = maps.reshape(len(maps), -1)
    missing = np.isnan(flat)
    return np.where(missing, -np.inf, flat).max(axis=1) <= np.where(missing, np.inf, flat).min(axis=1)


def _maps_in_words(maps: np.ndarray) -> str:
    missing = float(np.isnan(maps).mean())
    share = f", {100 * missing:.2g} % missing" if missing else ""
    return f"maps {np.nanmin(maps):.4g} to {np.nanmax(maps):.4g}{share}"
