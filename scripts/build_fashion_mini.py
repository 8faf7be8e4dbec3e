"""Builds ``src/lmreg/data/fashion_mini.npz`` from the four IDX files of Fashion-MNIST.

    python scripts/build_fashion_mini.py path/to/fashion_mnist

It contains class-stratified random subsets of the official training and test parts, scaled down (bilinear,
antialiased).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from lmreg.data.fashion_mini import FILE
from lmreg.data.fashion_mnist import read_idx
from lmreg.data.splits import stratified_order

SIZE = 12
COUNTS = {"train": ("train", 12_000), "test": ("t10k", 4_000)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args()
    arrays = {}
    for name, (prefix, count) in COUNTS.items():
        images = read_idx(options.folder / f"{prefix}-images-idx3-ubyte.gz", 3)
        labels = read_idx(options.folder / f"{prefix}-labels-idx1-ubyte.gz", 1)
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
