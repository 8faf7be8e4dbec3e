"""Weighted inversions between two orders, in O(n log n) for each set of weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_BLOCK, _PAIRS = 320, 2**24
"""Blocks of up to ``_BLOCK`` neighbours are compared pair by pair, because a matrix product is faster there
than merging. With very many items the blocks are smaller, so that at most ``_PAIRS`` pairs are compared in
all."""
_AT_ONCE = 2**19
"""Number of weights that are processed together, so that they stay in the processor's cache."""


def discordant(first: np.ndarray, second: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return Σ w_i w_j over the pairs that the two values order differently, float64 [B]; ties don't count.

    Counts inversions by merge sort (Knight, "A computer method for calculating Kendall's tau with ungrouped
    data", JASA 1966), from the whole down to small blocks. The order of the items at each level is the same
    for all B sets of weights, so that all sets pass through it together.

    Args:
        first: values [n].
        second: values [n].
        weights: integers [B, n] with row totals below 2**24, up to which float32 is exact; it takes half
            the time of float64.
    """
    count = len(first)
    depth = max(0, int(np.ceil(np.log2(count / min(_BLOCK, max(1, _PAIRS // count))))))
    size = -(-count // 2**depth)  # of the blocks at the end
    padded = size * 2**depth
    # Items that tie in `first` are put in ascending order of `second`, so that none of them are inverted.
    by_first = np.lexsort((second, first))
    by_second = np.argsort(second[by_first], kind="stable")
    place = np.concatenate([by_second, np.arange(count, padded)])  # by `first`, in the order of `second`
    levels = list(_levels(place, depth))
    blocks = (levels[-1].places if levels else place).reshape(-1, size)
    inverted = np.triu(blocks[:, :, None] > blocks[:, None, :]).astype(np.float32)
    source, found = by_first[by_second], np.empty(len(weights))
    rows = max(1, _AT_ONCE // padded)
    for start in range(0, len(weights), rows):
        part = weights[start : start + rows]
        arranged = np.zeros((len(part), padded), np.float32)
        arranged[:, :count] = part[:, source]
        total = np.zeros(len(part))
        for level in levels:
            arranged = np.take(arranged, level.order, axis=1)
            total += level.across(arranged)
        total += _within(arranged.reshape(len(part), -1, size), inverted)
        found[start : start + rows] = total
    return found


@dataclass(frozen=True)
class _Level:
    """One level of the merge sort: blocks of neighbours by the first value, each sorted by the second.

    Attributes:
        order: permutation of the items of the level above, which splits every block into two halves.
        places: each item's rank by the first value, in the new order.
        before: for each item of a lower half, the index of the sum over those items of the upper half that
            precede it by the second value. It indexes the upper halves' cumulative sums, which begin with 0.
        halves: length of a half.
    """

    order: np.ndarray
    places: np.ndarray
    before: np.ndarray
    halves: int

    def across(self, weights: np.ndarray) -> np.ndarray:
        """Return Σ w_i w_j over the inverted pairs with one item in the lower and one in the upper half of a
        block, for weights [B, n] in the new order."""
        parts = weights.reshape(len(weights), -1, 2, self.halves)
        sums = np.zeros((len(weights), parts.shape[1], self.halves + 1), np.float32)
        np.cumsum(parts[:, :, 1], axis=2, out=sums[:, :, 1:])
        upper = np.take(sums.reshape(len(weights), -1), self.before, axis=1)
        return np.einsum(
            "bkh,bkh->b", parts[:, :, 0], upper.reshape(len(weights), -1, self.halves), dtype=np.float64
        )


def _levels(places: np.ndarray, depth: int) -> Iterator[_Level]:
    size = len(places)
    for number in range(depth):
        half = size // 2
        fewest_bits = np.min_scalar_type(len(places) // half)  # argsort is O(n) for up to 16 bits
        order = np.argsort((places // half).astype(fewest_bits), kind="stable")
        places = places[order]
        blocks = np.arange(2**number)[:, None]
        passed = order.reshape(-1, 2, half)[:, 0] - blocks * size - np.arange(half)
        yield _Level(order, places, (blocks * (half + 1) + passed).ravel(), half)
        size = half


def _within(weights: np.ndarray, inverted: np.ndarray) -> np.ndarray:
    """Return Σ w_i w_j over the inverted pairs within blocks, for weights [B, blocks, size]; ``inverted``
    [blocks, size, size] is 1 for each inverted pair, else 0."""
    drawn = np.ascontiguousarray(weights.transpose(1, 0, 2))
    products = drawn @ inverted
    return np.einsum("kbs,kbs->b", products, drawn, dtype=np.float64)
