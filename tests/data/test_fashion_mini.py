from __future__ import annotations

import gzip
import inspect
from pathlib import Path

import numpy as np
from PIL import Image

from lmreg.data.fashion_mini import CLASSES, FILE, FashionMini


def test_the_embedded_subset_is_small_and_balanced() -> None:
    raw = inspect.unwrap(FashionMini.read)(FashionMini())
    assert FILE.stat().st_size < 2_000_000
    assert raw.classes == CLASSES
    for part in (raw.train, raw.test):
        assert part.images.dtype == np.uint8
        assert part.images.shape[-1] == 1
        counts = np.bincount(part.targets, minlength=10)
        assert np.ptp(counts) <= 2
    flat = raw.train.images.reshape(len(raw.train.targets), -1)
    assert len(np.unique(flat, axis=0)) > 0.99 * len(flat)


def test_the_images_are_those_of_fashion_mnist(real_data: Path) -> None:
    """Every embedded image is a scaled-down image of Fashion-MNIST with its label."""
    raw, folder = inspect.unwrap(FashionMini.read)(FashionMini()), real_data / "fashion_mnist"
    for part, prefix in ((raw.train, "train"), (raw.test, "t10k")):
        data = gzip.decompress((folder / f"{prefix}-images-idx3-ubyte.gz").read_bytes())
        labels = gzip.decompress((folder / f"{prefix}-labels-idx1-ubyte.gz").read_bytes())[8:]
        size = part.images.shape[1:3]
        originals: dict[bytes, set[int]] = {}
        for image, label in zip(
            np.frombuffer(data, np.uint8, offset=16).reshape(-1, 28, 28), labels, strict=True
        ):
            small = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
            originals.setdefault(small.tobytes(), set()).add(label)
        for image, label in zip(part.images, part.targets, strict=True):
            assert label in originals[image.tobytes()]
