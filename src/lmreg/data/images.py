"""Images and targets on the device: random crops and flips, batch streams, scoring batches."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmreg.data.base import DataSource, InputShape, Part, RawData
from lmreg.data.description import check_pictures, check_sizes, check_targets, describe
from lmreg.data.splits import stratified_order, stratified_split
from lmreg.errors import LmregError


@dataclass(frozen=True)
class Batch:
    """Images float32 [B, channels, height, width] (channels last in memory) with their targets: labels [B] or
    maps [B, height, width]."""

    images: Tensor
    targets: Tensor


class Split:
    """Images on the device, padded once so that a random crop is a single gather.

    All splits of one `Part` share its pixels; each is a list of indices into them, see `subset`. Targets that
    are maps are cropped and mirrored with their images; beyond the border they are missing.
    """

    name = "its split"
    """What messages call it."""

    def __init__(self, part: Part, mean: Tensor, std: Tensor, padding: int, flip: bool, cutout: int = 0):
        self.padding, self.flip, self.cutout = padding, flip, cutout
        self._mean, self._std = mean, std
        device = mean.device
        self._padded = _padded(part.images, padding, 0).to(device)
        self._index = torch.arange(len(part.images), device=device)
        self._strata, self._dense = part.strata, part.targets.ndim > 1
        missing = _MISSING[part.targets.dtype.kind]
        self._targets = _padded(part.targets, padding if self._dense else 0, missing).to(device)
        self.height, self.width = part.images.shape[1:3]
        self._rows = torch.arange(self.height, device=device)
        self._columns = torch.arange(self.width, device=device)

    def subset(self, index: np.ndarray, name: str) -> Split:
        """Return the images at ``index`` [n] as a split that shares their pixels."""
        part = copy.copy(self)
        on_device = torch.from_numpy(index).to(self.device)
        part._index, part._strata, part.name = self._index[on_device], self._strata[index], name
        return part

    @property
    def device(self) -> torch.device:
        """The device that holds the images."""
        return self._padded.device

    def __len__(self) -> int:
        return len(self._index)

    def _batch(self, index: Tensor, rows: Tensor, columns: Tensor) -> Batch:
        image = self._index[index]
        pixel = (image[:, None, None], rows[:, :, None], columns[:, None, :])
        images = (self._padded[pixel].float() - self._mean) / self._std
        return Batch(images.permute(0, 3, 1, 2), self._targets[pixel if self._dense else image])

    def plain(self, index: Tensor) -> Batch:
        """Return the images at ``index`` [B] without augmentation."""
        rows, columns = self._rows + self.padding, self._columns + self.padding
        return self._batch(index, rows.expand(len(index), -1), columns.expand(len(index), -1))

    def augmented(self, index: Tensor, generator: torch.Generator) -> Batch:
        """Return the images at ``index`` [B], each cropped, mirrored and cut out at random."""
        size, device = (len(index), 1), index.device
        span = 2 * self.padding + 1
        top, left = (torch.randint(span, size, generator=generator, device=device) for _ in range(2))
        columns = self._columns.expand(len(index), -1)
        if self.flip:
            mirrored = torch.rand(size, generator=generator, device=device) < 0.5
            columns = torch.where(mirrored, columns.flip(1), columns)
        batch = self._batch(index, top + self._rows, left + columns)
        if self.cutout:
            batch.images.masked_fill_(self._holes(len(index), generator)[:, None], 0)
        return batch

    def _holes(self, count: int, generator: torch.Generator) -> Tensor:
        """Return bool [count, height, width], true in a square of side ``cutout`` whose centre is uniform
        over the image, so that it may extend beyond the border (DeVries & Taylor 2017)."""
        rows, columns = (
            # The distance of each row or column from the square's first one.
            along
            - torch.randint(len(along), (count, 1), generator=generator, device=along.device)
            + self.cutout // 2
            for along in (self._rows, self._columns)
        )
        inside = [(along >= 0) & (along < self.cutout) for along in (rows, columns)]
        return inside[0][:, :, None] & inside[1][:, None, :]

    def scoring_batches(self, batch_size: int, limit: int | None = None) -> list[Batch]:
        """Return every image once (or ``limit`` of them), in batches of nearly equal size: at most
        ``batch_size``, but at least two images, which batch statistics need.

        Classes are spread evenly, whatever the order of the files: under batch-statistics normalisation,
        batches of a single class would give meaningless outputs.
        """
        order = stratified_order(self._strata)[:limit]
        count = min(math.ceil(len(order) / batch_size), len(order) // 2)
        pieces = np.array_split(order, max(1, count))
        return [self.plain(torch.from_numpy(piece).to(self.device)) for piece in pieces]


class BatchStream:
    """An endless stream of augmented batches of a split, reshuffled every epoch; it resumes exactly."""

    def __init__(self, data: Split, batch_size: int, generator: torch.Generator):
        if batch_size > len(data):
            raise LmregError(
                f"a batch of {batch_size} needs more images than the {len(data)} of {data.name}; lower "
                "trainer.batch_size"
            )
        self._data, self._batch_size, self._generator = data, batch_size, generator
        self._order = torch.empty(0, dtype=torch.long, device=data.device)
        self._next = 0

    @property
    def batches_per_epoch(self) -> int:
        return len(self._data) // self._batch_size

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self._next + self._batch_size > len(self._order):
            device = self._order.device
            self._order = torch.randperm(len(self._data), generator=self._generator, device=device)
            self._next = 0
        index = self._order[self._next : self._next + self._batch_size]
        self._next += self._batch_size
        return self._data.augmented(index, self._generator)

    def state_dict(self) -> dict[str, Any]:
        return {"order": self._order, "next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._order, self._next = state["order"].to(self._order.device), state["next"]


class ImageData:
    """A data set, split into train, rank, score and test; a part moves to the device on first use.

    *train* fits the weights, *rank* feeds the regulariser and orders the landmarks, *score* ranks sub-nets
    and guides the search, *test* gives only the true scores of the evaluation pool.

    ``description`` says in lines for the user what was read; ``hash`` changes when pixels, targets or splits
    do. Data that can't be trained on, or contain nothing that could be learnt, raise LmregError.
    """

    def __init__(self, source: DataSource, device: torch.device):
        config, raw = source.config, source.read()
        raw.check(source.place)
        fractions = {"train": config.train_fraction, "rank": config.rank_fraction}
        fractions["score"] = 1 - sum(fractions.values())
        self._config, self._place, self.classes = config, source.place, raw.classes
        self.sample_range = raw.sample_range
        try:
            self._indices = stratified_split(raw.train.strata, fractions)
        except LmregError as error:
            raise LmregError(f"{source.place}: {error}") from None
        sizes = {name: len(i) for name, i in self._indices.items()} | {"test": len(raw.test.images)}
        check_sizes(sizes, source.place)
        check_pictures(raw, source.place)
        check_targets(raw, self._indices, source.place)
        self.description = describe(raw, self._indices, source.place)
        height, width, channels = raw.train.images.shape[1:]
        self.shape = InputShape(channels, height, width)
        config.check_padding(self.shape)
        self._cutout = config.cutout_pixels(self.shape)
        self._mean, self._std = _statistics(raw.train.images, self._indices["train"], device)
        self.hash = _content_hash(raw, self._indices)
        self.sizes = sizes
        self._parts: dict[str, Part | Split] = {"train": raw.train, "test": raw.test}
        self._splits: dict[str, Split] = {}

    @property
    def normalisation(self) -> dict[str, list[float]]:
        """``mean`` and ``std`` per channel of pixels from 0 to 255; networks get (pixels - mean) / std."""
        return {"mean": self._mean.tolist(), "std": self._std.tolist()}

    def split(self, name: str) -> Split:
        """Return a split by name: train, rank, score, test, or ``full``: the first three together."""
        if name not in self._splits:
            whole = self._on_device("test" if name == "test" else "train")
            index = self._indices.get(name, np.arange(len(whole)))
            self._splits[name] = whole.subset(index, f"the {name} split of {self._place}")
        return self._splits[name]

    def _on_device(self, name: str) -> Split:
        """Return an official part by name; the arrays that were read are released, so as not to keep both."""
        part, config = self._parts[name], self._config
        if isinstance(part, Part):
            part = Split(part, self._mean, self._std, config.crop_padding, config.flip, self._cutout)
            self._parts[name] = part
        return part


_loaded: dict[str, ImageData] = {}
"""The data set that was loaded last, kept for the next job of a sweep."""


def load_data(source: DataSource, device: torch.device) -> ImageData:
    """Read the data set, unless it is the one that was read last with the same options for that device."""
    key = json.dumps([repr(type(source)), vars(source.config), str(device)])
    if key not in _loaded:
        _loaded.clear()  # only one is kept: data sets can be large
        _loaded[key] = ImageData(source, device)
    return _loaded[key]


# The value of missing targets, by kind of number: NaN, or the label that torch's losses ignore.
_MISSING = {"f": np.nan, "i": -100}


def _padded(pixels: np.ndarray, padding: int, value: float) -> Tensor:
    """Return ``pixels`` [n, height, width, ...] with a border of ``value``."""
    if not padding:
        return torch.from_numpy(np.require(pixels, requirements=["C", "W"]))
    pad = ((0, 0), (padding, padding), (padding, padding), *((0, 0),) * (pixels.ndim - 3))
    return torch.from_numpy(np.pad(pixels, pad, constant_values=value))


def _statistics(images: np.ndarray, index: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation per channel of the images at ``index``, computed from counts of each
    value: exactly, and without a floating-point copy of the images."""
    channels, values = images.shape[-1], np.arange(256)
    counts = np.zeros((channels, 256), np.int64)
    for piece in np.array_split(index, max(1, len(index) // 100)):
        pixels = images[piece]
        for channel in range(channels):
            counts[channel] += np.bincount(pixels[..., channel].ravel(), minlength=256)
    total = counts.sum(1)
    mean = counts @ values / total
    variance = (counts * (values - mean[:, None]) ** 2).sum(1) / total
    std = np.sqrt(variance).clip(min=1e-3)
    return tuple(torch.tensor(v, dtype=torch.float32).to(device) for v in (mean, std))  # type: ignore[return-value]


def _content_hash(raw: RawData, indices: dict[str, np.ndarray]) -> str:
    """Return a hash of all that affects results: pixels, targets, the number of classes, the splits."""
    digest = hashlib.sha256()
    for part in (raw.train, raw.test):
        digest.update(repr(part.images.shape).encode())
        digest.update(np.ascontiguousarray(part.images).data)
        digest.update(np.ascontiguousarray(part.targets).data)
    if raw.classes and len(raw.classes) != raw.train.targets.max() + 1:  # else the labels imply it
        digest.update(repr(len(raw.classes)).encode())
    for name, index in indices.items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(index).data)
    return digest.hexdigest()[:16]
