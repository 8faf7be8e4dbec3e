from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from lmreg.data.fashion_mini import CLASSES, FILE, FashionMini


def test_the_embedded_subset_is_small_and_balanced() -> None:
    raw = FashionMini().read()
    assert FILE.stat().st_size < 2_000_000
    assert raw.classes == CLASSES
    for part in (raw.train, raw.test):
        assert part.images.dtype == np.uint8
        assert part.images.shape[-1] == 1
        counts = np.bincount(part.labels, minlength=10)
        assert np.ptp(counts) <= 2
    flat = raw.train.images.reshape(len(raw.train.labels), -1)
    assert len(np.unique(flat, axis=0)) > 0.99 * len(flat)


def test_it_is_real(real_data: Path) -> None:
    """Every embedded image is one of Fashion-MNIST's, scaled down, with its label."""
    raw = FashionMini().read()
    folder = real_data / "fashion_mnist"
    data = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    full = np.frombuffer(data, np.uint8, offset=16).reshape(-1, 28, 28).astype(float)
    labels = np.frombuffer(gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:], np.uint8)
    size = raw.test.images.shape[1]
    # Coarse 2x2 means survive any scaling, up to rounding.
    small = raw.test.images[..., 0].astype(float)
    half = size // 2
    coarse = np.stack([q.mean((1, 2)) for q in (small[:, :half, :half], small[:, half:, half:])], 1)
    truth = np.stack([q.mean((1, 2)) for q in (full[:, :14, :14], full[:, 14:, 14:])], 1)
    for i in range(0, len(small), 101):
        near = np.abs(truth - coarse[i]).max(1) < 1.0
        assert near.any()
        assert raw.test.labels[i] in labels[near]
