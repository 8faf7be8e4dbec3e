"""A description of the data that was read, for the user; refuses data that nothing can be learnt from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lmreg.data.base import RawData
from lmreg.data.layout import confusable_pairs, describe_difference
from lmreg.errors import LmregError, printable
from lmreg.util.progress import counted

_MOST_NAMED = 10
_LONGEST_NAME = 24
_FEW_VALUES = 16  # 8-bit pictures that span fewer values look black, such as masks of class numbers
_PIECE = 100  # images that are compared at a time


def check_pictures(raw: RawData, place: str) -> None:
    """Check that the pictures of each part differ, and aren't all black."""
    for name, part in (("training", raw.train), ("test", raw.test)):
        images, first = part.images, part.images[:1]
        if len(images) < 2 and name == "test":
            continue
        if not _all_equal(images, first):
            continue
        value = int(first.flat[0])
        if (first == value).all():
            shade = {0: "black", 255: "white"}.get(value, "of one shade")
            raise LmregError(
                f"{place}: every {name} picture is {shade} (all samples are {value} of 255); nothing can be "
                f"learnt from that{''.join(f'; {note}' for note in raw.summary.notes)}"
            )
        raise LmregError(
            f"{place}: all {len(images)} {name} pictures are the same; nothing can be learnt from that"
        )


def check_sizes(sizes: Mapping[str, int], place: str) -> None:
    """Check that every split has at least two images, as the statistics of a batch need."""
    for name, size in sizes.items():
        if size == 1:
            splits = ", ".join(f"{count:,} {split}" for split, count in sizes.items())
            raise LmregError(
                f"{place}: the {name} split has only one image ({splits}), but batch normalisation needs "
                "two; add images, or change data.train_fraction, data.rank_fraction or data.test_fraction"
            )


def check_targets(raw: RawData, indices: Mapping[str, np.ndarray], place: str) -> None:
    """Check that most images of every split are of classes that the train split has, or that maps vary."""
    targets = raw.train.targets
    if targets.ndim > 1:
        for name, part in (("training", raw.train), ("test", raw.test)):
            if targets.dtype.kind == "f" and _one_valued(part.targets).all():
                raise LmregError(
                    f"{place}: every map of the {name} part has a single value; nothing can be learnt from it"
                )
        return
    known = np.unique(targets[indices["train"]])
    for name, labels in _labels(raw, indices).items():
        unseen = ~np.isin(labels, known)
        if 2 * unseen.sum() > len(labels):
            raise LmregError(
                f"{place}: {unseen.sum():,} of the {len(labels):,} images of the {name} split are of "
                f"classes without any image in the train split ({len(raw.classes):,} classes, "
                f"{len(targets):,} training images); add images of each class, or use other classes"
            )


def describe(raw: RawData, indices: Mapping[str, np.ndarray], place: str) -> list[str]:
    """Return two lines about the data read from ``place``, then one line per note for the user; ``indices``
    has for each split those of its images in the training part."""
    summary = raw.summary
    splits = {name: len(i) for name, i in indices.items()} | {"test": len(raw.test.images)}
    sizes = ", ".join(f"{size:,} {name}" for name, size in splits.items())
    height, width, channels = raw.train.images.shape[1:]
    low, high = int(raw.train.images.min()), int(raw.train.images.max())
    classes = [classes_in_words(raw.classes)] if raw.classes else []
    content = [*summary.assumptions, *classes, f"images: {sizes}"]
    mapping = f" ({summary.sample_mapping})" if summary.sample_mapping else ""
    pixels = [f"{width}x{height}, {counted(channels, 'channel')}", f"values {low} to {high}{mapping}"]
    if raw.train.targets.dtype.kind == "f":
        pixels.append(_maps_in_words(raw.train.targets))
    skipped = ", ".join(summary.skipped) or "nothing"
    lines = [f"Read {place}: {'; '.join(content)}", f"Pixels: {'; '.join(pixels)}; skipped: {skipped}"]
    lines += [f"Note: {note}" for note in _notes(raw, indices, low, high)]
    return [printable(line) for line in lines]


def classes_in_words(classes: tuple[str, ...]) -> str:
    """Return ``3 classes (a, b, c)``; if there are many, only the first ones and the last; long names cut."""
    short = [name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..." for name in classes]
    if len(short) > _MOST_NAMED:
        short = [*short[: _MOST_NAMED - 3], "...", short[-1]]
    return f"{len(classes):,} classes ({', '.join(short)})"


def _notes(raw: RawData, indices: Mapping[str, np.ndarray], low: int, high: int) -> list[str]:
    notes = list(raw.summary.notes)
    if high - low < _FEW_VALUES:
        notes.append(f"pixel values range only from {low} to {high} of 255; are these the right pictures?")
    flat = [
        c
        for c, pixels in enumerate(np.moveaxis(raw.train.images, -1, 0))
        if _all_equal(pixels, pixels[0, 0, 0])
    ]
    if flat:
        which = " and ".join(str(c + 1) for c in flat)
        notes.append(
            f"channel {which} has the same value in all training images, so it carries no information"
        )
    if blank := sum(_count_blank(part.images) for part in (raw.train, raw.test)):
        total = len(raw.train.images) + len(raw.test.images)
        notes.append(f"{blank:,} of {total:,} images are blank: all their pixels have the same colour")
    for a, b in confusable_pairs(raw.classes):
        notes.append(f"the classes {a!r} and {b!r} differ only by {describe_difference(a, b)}")
    notes += _duplicate_notes(raw)
    if raw.train.targets.ndim == 1:
        notes += _notes_on_classes(raw, indices)
    elif raw.train.targets.dtype.kind == "f" and (count := int(_one_valued(raw.train.targets).sum())):
        notes.append(f"{count:,} of {len(raw.train.targets):,} training maps have a single value")
    return notes


def _duplicate_notes(raw: RawData) -> list[str]:
    """Return notes on test images that are also training images, and on images that several classes share."""
    # Hashes of single images; the data set's content hash is one over all of them, so that neither can be
    # made from the other.
    train, test = (np.array([hash(image.tobytes()) for image in p.images]) for p in (raw.train, raw.test))
    notes = []
    if known := int(np.isin(test, train).sum()):
        notes.append(
            f"{known:,} of {len(test):,} test images are, pixel for pixel, training images too, so they "
            "don't test generalisation"
        )
    if raw.train.targets.ndim == 1:
        images, labels = np.concatenate([train, test]), [raw.train.targets, raw.test.targets]
        pairs = np.unique(np.stack([images, np.concatenate(labels)]), axis=1)
        values, classes = np.unique(pairs[0], return_counts=True)
        if several := int(np.isin(images, values[classes > 1]).sum()):
            notes.append(f"{several:,} images occur, pixel for pixel, in two classes or more")
    return notes


def _notes_on_classes(raw: RawData, indices: Mapping[str, np.ndarray]) -> list[str]:
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
    """Return the labels of each split."""
    return {name: raw.train.targets[i] for name, i in indices.items()} | {"test": raw.test.targets}


def _all_equal(images: np.ndarray, first: np.ndarray) -> bool:
    """Whether all of ``images`` [n, ...] equal ``first``; stops soon after one that doesn't."""
    pieces = (images[i : i + _PIECE] for i in range(0, len(images), _PIECE))
    return not any((piece != first).any() for piece in pieces)


def _count_blank(images: np.ndarray) -> int:
    """Return how many of ``images`` [n, height, width, channels] have a single colour."""
    pieces = (images[i : i + _PIECE] for i in range(0, len(images), _PIECE))
    return sum(int((piece == piece[:, :1, :1]).all(axis=(1, 2, 3)).sum()) for piece in pieces)


def _one_valued(maps: np.ndarray) -> np.ndarray:
    """Return bool [n]: which of the maps [n, height, width] have a single value, NaN aside."""
    flat = maps.reshape(len(maps), -1)
    missing = np.isnan(flat)
    return np.where(missing, -np.inf, flat).max(axis=1) <= np.where(missing, np.inf, flat).min(axis=1)


def _maps_in_words(maps: np.ndarray) -> str:
    missing = float(np.isnan(maps).mean())
    share = f", {100 * missing:.2g} % missing" if missing else ""
    return f"maps {np.nanmin(maps):.4g} to {np.nanmax(maps):.4g}{share}"
