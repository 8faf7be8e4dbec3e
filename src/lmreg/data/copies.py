"""Images that a data set has more than once where each should be new."""

from __future__ import annotations

import numpy as np

from lmreg.data.base import RawData


def copies(raw: RawData) -> list[str]:
    """Notes on test images that are training images too, and on images that several classes have."""
    train, test = (np.array([hash(image.tobytes()) for image in p.images]) for p in (raw.train, raw.test))
    notes = []
    if known := int(np.isin(test, train).sum()):
        notes.append(
            f"{known:,} of {len(test):,} test images are, pixel for pixel, training images too, so that they "
            "don't test what was learnt"
        )
    if raw.train.targets.ndim == 1:
        images, labels = np.concatenate([train, test]), [raw.train.targets, raw.test.targets]
        pairs = np.unique(np.stack([images, np.concatenate(labels)]), axis=1)
        values, classes = np.unique(pairs[0], return_counts=True)
        if several := int(np.isin(images, values[classes > 1]).sum()):
            notes.append(f"{several:,} images stand, pixel for pixel, in two classes or more")
    return notes
