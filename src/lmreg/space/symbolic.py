"""Symbolic evaluation of cells: a cell's values as sums of operations on sums, and a key of the function.

Two cells are the same function (isomorphic) if the layers of one can be matched with those of the other so
that, with equal weights in matched layers, both give the same output for every input. Three simplifications:

- Normalisation after a convolution of zeros gives its bias, which is initially zero, so it counts as zero.
- Batch normalisation undoes a factor: a normalised operation on twice a value equals that operation on the
  value, up to the normalisation's epsilon. The two count as the same.
- Cells that are equal only with other weights (one convolution for the sum of two) count as different.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from lmreg.space.base import md5_of

Sum = tuple[int, ...]
"""A sum of terms by number, ascending; a term that is added twice occurs twice. The empty sum is zero."""


def add(values: Iterable[Sum]) -> Sum:
    return tuple(sorted(term for value in values for term in value))


class SymbolicCell:
    """The terms that a cell's values are sums of: inputs, given by name, and operations on earlier values."""

    def __init__(self, inputs: Sequence[str]):
        self._labels = list(inputs)
        self._reads: list[Sum] = [()] * len(inputs)
        self._known: dict[tuple[str, Sum], int] = {}
        self.inputs: list[Sum] = [(number,) for number in range(len(inputs))]

    def weighted(self, operation: str, value: Sum) -> Sum:
        """Add a normalised layer with its own weights, such as a convolution with batch normalisation."""
        return self._new_term(operation, _without_factor(value)[0]) if value else ()

    def normalised(self, operation: str, value: Sum) -> Sum:
        """Apply a normalised operation without weights, such as a pool with batch normalisation."""
        return self._without_weights(operation, _without_factor(value)[0]) if value else ()

    def homogeneous(self, operation: str, value: Sum) -> Sum:
        """Apply an operation without weights that commutes with factors, such as maximum pooling."""
        if not value:
            return ()
        simple, factor = _without_factor(value)
        return factor * self._without_weights(operation, simple)

    def linear(self, operation: str, value: Sum) -> Sum:
        """Apply an operation without weights that commutes with sums, such as average pooling."""
        return add(self._without_weights(operation, (term,)) for term in value)

    def dependencies(self, outputs: Iterable[Sum]) -> set[int]:
        """Return the terms that the outputs depend on; the lowest numbers are the inputs."""
        found: set[int] = set()
        todo = [term for value in outputs for term in value]
        while todo:
            if (term := todo.pop()) not in found:
                found.add(term)
                todo += self._reads[term]
        return found

    def key(self, outputs: Sequence[Sum]) -> str:
        """Return the outputs written out, independent of their order and of the order of summands.

        If several layers apply the same operation to the same value, the text doesn't tell which of them is
        read where. In that case a hash of the pattern of reads is appended.
        """
        used = sorted(self.dependencies(outputs))
        texts: dict[int, str] = {}
        for term in used:  # each reads earlier ones only
            read = "+".join(sorted(texts[other] for other in self._reads[term]))
            texts[term] = f"{self._labels[term]}({read})" if read else self._labels[term]
        written = sorted("+".join(sorted(texts[term] for term in value)) or "0" for value in outputs)
        key = " ".join(written)
        if len(set(texts.values())) < len(used):
            key += f" #{self._pattern_of_reads(texts, outputs)}"
        return key

    def _pattern_of_reads(self, texts: dict[int, str], outputs: Sequence[Sum]) -> str:
        """Return a hash of which terms read which, by colour refinement (Weisfeiler and Leman, 1968).

        Colour refinement can confuse only patterns that are more regular than those of cells with a few
        nodes: `tests/space/test_symbolic.py` compares it with all orders.
        """
        reads = {term: Counter(self._reads[term]) for term in texts}
        reads |= {-1 - place: Counter(value) for place, value in enumerate(outputs)}
        readers: dict[int, Counter[int]] = defaultdict(Counter)
        for reader, read in reads.items():
            for term, times in read.items():
                readers[term][reader] += times
        colours = _ranks({node: (texts.get(node, ""),) for node in reads})
        history = []
        while True:
            signatures = {
                node: (
                    colours[node],
                    tuple(sorted((colours[other], times) for other, times in reads[node].items())),
                    tuple(sorted((colours[other], times) for other, times in readers[node].items())),
                )
                for node in reads
            }
            history.append(sorted(signatures.values()))
            count, colours = len(set(colours.values())), _ranks(signatures)
            if len(set(colours.values())) == count:
                return md5_of(repr(history))

    def _without_weights(self, operation: str, value: Sum) -> Sum:
        """Return the same term for the same operation on the same value."""
        if (operation, value) not in self._known:
            (self._known[operation, value],) = self._new_term(operation, value)
        return (self._known[operation, value],)

    def _new_term(self, operation: str, value: Sum) -> Sum:
        self._labels.append(operation)
        self._reads.append(value)
        return (len(self._labels) - 1,)


def _without_factor(value: Sum) -> tuple[Sum, int]:
    """Return the value divided by the largest whole number that divides it, and that number."""
    times = Counter(value)
    factor = math.gcd(*times.values())
    if factor == 1:
        return value, 1
    return tuple(term for term, count in times.items() for _ in range(count // factor)), factor


def _ranks(signatures: dict[int, tuple[Any, ...]]) -> dict[int, int]:
    """Return each node's rank among the distinct signatures."""
    rank_of = {signature: rank for rank, signature in enumerate(sorted(set(signatures.values())))}
    return {node: rank_of[signature] for node, signature in signatures.items()}
