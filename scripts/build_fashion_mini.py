"""Makes ``src/lmreg/data/fashion_mini.npz`` from the four IDX files of Fashion-MNIST.

    python scripts/build_fashion_mini.py path/to/fashion_mnist

Class-stratified random subsets of the official training and test parts, scaled down (bilinear, antialiased).
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np
from PIL import Image

from lmreg.data.fashion_mini import FILE
from lmreg.data.splits import stratified_order

SIZE = 12
COUNTS = {"train": ("train", 12_000), "test": ("t10k", 4_000)}


def read_idx(path: Path) -> np.ndarray:
    """An IDX file of unsigned bytes as an array."""
    data = gzip.decompress(path.read_bytes())
    dimensions = data[3]
    shape = np.frombuffer(data, ">i4", dimensions, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args()
    arrays = {}
    for name, (prefix, count) in COUNTS.items():
        images = read_idx(options.folder / f"{prefix}-images-idx3-ubyte.gz")
        labels = read_idx(options.folder / f"{prefix}-labels-idx1-ubyte.gz")
        chosen = stratified_order(labels)[:count]
        small = [Image.fromarray(images[i]).resize((SIZE, SIZE), Image.Resampling.BILINEAR) for i in chosen]
        arrays[f"{name}_images"] = np.stack([np.asarray(image) for image in small])
        arrays[f"{name}_labels"] = labels[chosen]
    np.savez_compressed(options.out, **arrays)
    print(
        f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB, "
        + str({k: v.shape for k, v in arrays.items()})
    )


if __name__ == "__main__":
    main()
