"""What a cell computes: sums of operations on sums, and a key that cells of one function share.

Two cells are one function if the layers of one can be matched with those of the other so that, with the same
weights in matched layers, both compute the same of every input. Three things are left out on purpose:

- A normalisation behind a convolution of nothing gives its bias, a constant, and zero as long as that is at
  its initial value. It counts as nothing.
- Batch normalisation undoes a factor: a normalised operation on twice a value is that on the value itself,
  up to the normalisation's epsilon. It counts as the same.
- What other weights could make up for, such as one convolution for the sum of two, counts as different.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from hashlib import md5
from typing import Any

Value = tuple[int, ...]
"""A sum of sources by number, ascending; one that is added twice is there twice. Empty: zero."""


def total(values: Iterable[Value]) -> Value:
    """The sum of values."""
    return tuple(sorted(source for value in values for source in value))


class Terms:
    """The sources that a cell's values are sums of: its inputs, and operations on values.

    Args:
        inputs: the names of the cell's inputs.
    """

    def __init__(self, inputs: Sequence[str]):
        self._labels = list(inputs)
        self._reads: list[Value] = [()] * len(inputs)
        self._known: dict[tuple[str, Value], int] = {}
        self.inputs: list[Value] = [(number,) for number in range(len(inputs))]

    def weighted(self, operation: str, value: Value) -> Value:
        """A layer of its own, with weights and normalised, such as a convolution with batch normalisation."""
        return self._new(operation, _without_factor(value)[0]) if value else ()

    def normalised(self, operation: str, value: Value) -> Value:
        """A normalised operation without weights, such as a pool with batch normalisation."""
        return self._plain(operation, _without_factor(value)[0]) if value else ()

    def homogeneous(self, operation: str, value: Value) -> Value:
        """An operation without weights that gives twice as much of twice a value, such as a maximum pool."""
        if not value:
            return ()
        simple, factor = _without_factor(value)
        return factor * self._plain(operation, simple)

    def linear(self, operation: str, value: Value) -> Value:
        """An operation without weights that can be done before or after adding up: an average pool."""
        return total(self._plain(operation, (source,)) for source in value)

    def used(self, outputs: Iterable[Value]) -> set[int]:
        """The sources that the outputs depend on; the first numbers are the inputs."""
        found: set[int] = set()
        todo = [source for value in outputs for source in value]
        while todo:
            if (source := todo.pop()) not in found:
                found.add(source)
                todo += self._reads[source]
        return found

    def key(self, outputs: Sequence[Value]) -> str:
        """What the outputs are, written out; their order doesn't matter, nor that of what is added up.

        Where several layers do the same operation on the same value, the text alone doesn't say which of
        them is meant where. What does, the pattern of which reads which, is appended as a hash.
        """
        used = sorted(self.used(outputs))
        texts: dict[int, str] = {}
        for source in used:  # each reads earlier ones only
            read = "+".join(sorted(texts[other] for other in self._reads[source]))
            texts[source] = f"{self._labels[source]}({read})" if read else self._labels[source]
        written = sorted("+".join(sorted(texts[source] for source in value)) or "0" for value in outputs)
        key = " ".join(written)
        if len(set(texts.values())) < len(used):
            key += f" #{self._pattern(texts, outputs)}"
        return key

    def _pattern(self, texts: dict[int, str], outputs: Sequence[Value]) -> str:
        """Which sources are read by which, as far as repeated comparison of neighbours can tell.

        Colour refinement (Weisfeiler and Leman, 1968). What it could take for alike are patterns more
        regular than cells of a few nodes have: `tests/space/test_function.py` tries all orders.
        """
        reads = {source: Counter(self._reads[source]) for source in texts}
        reads |= {-1 - place: Counter(value) for place, value in enumerate(outputs)}
        readers: dict[int, Counter[int]] = defaultdict(Counter)
        for reader, read in reads.items():
            for source, times in read.items():
                readers[source][reader] += times
        colours = _ranks({node: (texts.get(node, ""),) for node in reads})
        history = []
        while True:
            signs = {
                node: (
                    colours[node],
                    tuple(sorted((colours[other], times) for other, times in reads[node].items())),
                    tuple(sorted((colours[other], times) for other, times in readers[node].items())),
                )
                for node in reads
            }
            history.append(sorted(signs.values()))
            count, colours = len(set(colours.values())), _ranks(signs)
            if len(set(colours.values())) == count:
                return md5(repr(history).encode(), usedforsecurity=False).hexdigest()

    def _plain(self, operation: str, value: Value) -> Value:
        """One source for the same operation on the same value, however often it is asked for."""
        if (operation, value) not in self._known:
            (self._known[operation, value],) = self._new(operation, value)
        return (self._known[operation, value],)

    def _new(self, operation: str, value: Value) -> Value:
        self._labels.append(operation)
        self._reads.append(value)
        return (len(self._labels) - 1,)


def _without_factor(value: Value) -> tuple[Value, int]:
    """The value divided by the largest whole number that divides it, and that number."""
    times = Counter(value)
    factor = math.gcd(*times.values())
    if factor == 1:
        return value, 1
    return tuple(source for source, count in times.items() for _ in range(count // factor)), factor


def _ranks(signs: dict[int, tuple[Any, ...]]) -> dict[int, int]:
    """Each node's place among the different signs in their order."""
    place = {sign: rank for rank, sign in enumerate(sorted(set(signs.values())))}
    return {node: place[sign] for node, sign in signs.items()}
