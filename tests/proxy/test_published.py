"""Scores of cells of NAS-Bench-201 rank them as published ones of the same definition do.

Published are FreeREA's (Cavagnero et al., WACV 2023) and NASLib's (Krishnakumar et al., NeurIPS 2022), of
networks with 16 channels, 5 cells per stage and images of 32×32 whose weights were drawn once.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from tests.proxy.networks import SPACE, drawn, probed, proxies

from lmreg.data.base import InputShape
from lmreg.data.images import Batch
from lmreg.network.nasbench201 import Config, NASBench201Network

COLUMNS = {
    "params_m": "params",
    "naslib_flops": "macs",
    "naslib_nwot": "nwot",
    "freerea_naswot": "nwot",
    "naslib_synflow": "synflow",
    "freerea_synflow": "synflow",
    "naslib_grad_norm": "grad_norm",
    "naslib_snip": "snip",
    "naslib_fisher": "fisher",
    "naslib_jacov": "jacob_cov",
    "naslib_zen": "zen",
}
"""The score of each published column. There, weights are drawn as torch does by default; only `fisher` and,
less, `grad_norm` and `snip` depend on that."""
OF_SMALL_NETWORKS = ["params_m", "naslib_flops", "naslib_nwot", "freerea_naswot", "naslib_synflow"]
OF_SMALL_NETWORKS += ["freerea_synflow"]


def images(folder: Path, count: int, size: int) -> list[Batch]:
    """Return two batches of ``count`` normalised images of CIFAR-10, each pixel the mean of a square."""
    rows = pq.read_table(folder / "cifar10" / "train.parquet").slice(0, 2 * count).to_pylist()
    pixels = np.stack(
        [np.asarray(Image.open(io.BytesIO(row["img"]["bytes"])).convert("RGB")) for row in rows]
    )
    square = pixels.shape[1] // size
    small = pixels.reshape(2 * count, size, square, size, square, 3).mean((2, 4))
    normal = torch.tensor((small - small.mean((0, 1, 2))) / small.std((0, 1, 2)), dtype=torch.float32)
    labels = torch.tensor([row["label"] for row in rows])
    pairs = zip(torch.split(normal.permute(0, 3, 1, 2), count), torch.split(labels, count), strict=True)
    return [Batch(batch, targets) for batch, targets in pairs]


def correlations(
    folder: Path, columns: list[str], count: int, channels: int, cells: int, size: int
) -> pd.Series:
    """Return Spearman's correlation of our scores with each published column, on ``count`` random cells."""
    published = pd.read_csv(folder / "nasbench201_half_proxies.csv").dropna().sample(count, random_state=0)
    batches = images(folder, 32, size)
    net = NASBench201Network(Config(channels=channels, cells=cells), SPACE, InputShape(3, size, size), 10)
    rows = []
    for text in published["arch"]:
        probe = probed(drawn(net.standalone(SPACE.parse(text)), seed=0), batches)
        rows.append({column: proxies()[COLUMNS[column]].score(probe) for column in columns})
    ours = pd.DataFrame(rows, index=published.index)
    found: pd.Series = ours.rank().corrwith(published[columns].rank())
    return found


def test_small_networks_rank_alike(real_data: Path) -> None:
    found = correlations(real_data, OF_SMALL_NETWORKS, count=30, channels=2, cells=1, size=8)
    assert (found > 0.9).all(), found


@pytest.mark.slow
def test_networks_as_deep_as_the_published_ones_rank_alike(real_data: Path) -> None:
    """`fisher` has the fourth power of activations and gradients: two draws of the weights agree by 0.9."""
    found = correlations(real_data, list(COLUMNS), count=60, channels=16, cells=5, size=16)
    assert (found.drop("naslib_fisher") > 0.9).all(), found
    assert found["naslib_fisher"] > 0.8
