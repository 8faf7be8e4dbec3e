"""Images on the device: random crops and flips, batch streams, scoring batches."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmreg.data.base import DataSource, InputShape, Part
from lmreg.data.splits import split, stratified_order
from lmreg.errors import LmregError


@dataclass(frozen=True)
class Batch:
    """Images float32 [B, channels, height, width] (channels last in memory) and targets [B]."""

    images: Tensor
    targets: Tensor


class Split:
    """One split's images on the device, padded once so that a random crop is a single gather."""

    def __init__(self, part: Part, mean: Tensor, std: Tensor, padding: int, flip: bool):
        self.padding, self.flip = padding, flip
        self._mean, self._std = mean, std
        device = mean.device
        pad = ((0, 0), (padding, padding), (padding, padding), (0, 0))
        self._padded = torch.from_numpy(np.pad(part.images, pad)).to(device)
        self.targets = torch.from_numpy(part.labels).to(device)
        self.height, self.width = part.images.shape[1:3]
        self._rows = torch.arange(self.height, device=device)
        self._columns = torch.arange(self.width, device=device)

    def __len__(self) -> int:
        return len(self.targets)

    def _batch(self, index: Tensor, rows: Tensor, columns: Tensor) -> Batch:
        pixels = self._padded[index[:, None, None], rows[:, :, None], columns[:, None, :]]
        images = (pixels.float() - self._mean) / self._std
        return Batch(images.permute(0, 3, 1, 2), self.targets[index])

    def plain(self, index: Tensor) -> Batch:
        """The images at ``index`` [B] as they are."""
        rows, columns = self._rows + self.padding, self._columns + self.padding
        return self._batch(index, rows.expand(len(index), -1), columns.expand(len(index), -1))

    def augmented(self, index: Tensor, generator: torch.Generator) -> Batch:
        """The images at ``index`` [B], each cropped and mirrored on its own from ``generator``."""
        size, device = (len(index), 1), index.device
        span = 2 * self.padding + 1
        top, left = (torch.randint(span, size, generator=generator, device=device) for _ in range(2))
        columns = self._columns.expand(len(index), -1)
        if self.flip:
            mirrored = torch.rand(size, generator=generator, device=device) < 0.5
            columns = torch.where(mirrored, columns.flip(1), columns)
        return self._batch(index, top + self._rows, left + columns)

    def scoring_batches(self, batch_size: int, limit: int | None = None) -> list[Batch]:
        """Every image once (or the first ``limit``) in near-equal batches of at most ``batch_size``.

        Classes are evenly spread whatever the file's order: with batch-statistics normalisation,
        batches of one class would give nonsense.
        """
        order = stratified_order(self.targets.cpu().numpy())[:limit]
        pieces = np.array_split(order, math.ceil(len(order) / batch_size))
        return [self.plain(torch.from_numpy(piece).to(self.targets.device)) for piece in pieces]


class BatchStream:
    """Endless augmented batches of a split, reshuffled every epoch; resumes exactly."""

    def __init__(self, data: Split, batch_size: int, generator: torch.Generator):
        if batch_size > len(data):
            raise LmregError(f"a batch of {batch_size} needs more images than the {len(data)} of its split")
        self._data, self._batch_size, self._generator = data, batch_size, generator
        self._order = torch.empty(0, dtype=torch.long, device=data.targets.device)
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
    """A data set split into train, rank, score and test; a split reaches the device when asked for.

    *train* fits weights, *rank* feeds the regulariser and orders the landmarks, *score* ranks
    sub-nets and steers the search, *test* is only the truth of the evaluation pool.
    """

    def __init__(self, source: DataSource, device: torch.device):
        config, raw = source.config, source.read()
        fractions = {"train": config.train_fraction, "rank": config.rank_fraction}
        fractions["score"] = 1 - sum(fractions.values())
        self._config, self.classes = config, raw.classes
        self._indices = split(raw.train.labels, fractions)
        self._raw = raw
        height, width, channels = raw.train.images.shape[1:]
        self.shape = InputShape(channels, height, width)
        train = raw.train.images[self._indices["train"]]
        # Channel statistics of the training split only; the sums are exact in float64.
        self._mean = torch.tensor(train.mean((0, 1, 2), dtype=np.float64), dtype=torch.float32).to(device)
        std = train.std((0, 1, 2), dtype=np.float64).clip(min=1e-3)
        self._std = torch.tensor(std, dtype=torch.float32).to(device)
        self.hash = self._content_hash()
        self._splits: dict[str, Split] = {}

    def split(self, name: str) -> Split:
        """The split of that name: train, rank, score or test."""
        if name not in self._splits:
            self._splits[name] = self._make(name)
        return self._splits[name]

    def _make(self, name: str) -> Split:
        part = self._raw.test
        if name != "test":
            index = self._indices[name]
            part = Part(self._raw.train.images[index], self._raw.train.labels[index])
        return Split(part, self._mean, self._std, self._config.crop_padding, self._config.flip)

    @property
    def sizes(self) -> dict[str, int]:
        return {name: len(i) for name, i in self._indices.items()} | {"test": len(self._raw.test.labels)}

    def _content_hash(self) -> str:
        digest = hashlib.sha256()
        for part in (self._raw.train, self._raw.test):
            digest.update(repr(part.images.shape).encode())
            digest.update(np.ascontiguousarray(part.images).data)
            digest.update(np.ascontiguousarray(part.labels).data)
        for name, index in self._indices.items():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(index).data)
        return digest.hexdigest()[:16]
