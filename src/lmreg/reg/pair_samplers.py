"""Samplers of the pairs of landmarks that a step compares.

To add one, write a function and add it to `PAIR_SAMPLERS`; ``reg.sampler=<name>`` then selects it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

PairSampler = Callable[[np.ndarray, int, np.random.Generator], list[np.ndarray]]
"""Maps all known pairs (better, worse), int [P, 2], the count m and a generator to groups of pairs, int [k,
2] each. Pairs that share architectures belong to one group, in which each architecture is evaluated once.
Landmarks are numbered from the best, so that better < worse."""


def uniform(pairs: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw m different pairs, all equally likely."""
    return [pairs[[i]] for i in rng.choice(len(pairs), min(count, len(pairs)), replace=False)]


def top_biased(pairs: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw m times a better landmark uniformly, then a worse one: good landmarks occur more often.

    Source: the paper's released code, a ~ U{0..M−2}, b ~ U{a+1..M−1}.
    """
    better = np.unique(pairs[:, 0])
    groups = []
    for _ in range(count):
        mine = np.flatnonzero(pairs[:, 0] == better[rng.integers(len(better))])
        groups.append(pairs[[mine[rng.integers(len(mine))]]])
    return groups


def adjacent(pairs: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw m different pairs of a landmark and the next worse one whose order relative to it is known."""
    _, first = np.unique(pairs[:, 0], return_index=True)  # pairs are sorted by (better, worse)
    return uniform(pairs[first], count, rng)


def triples(pairs: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw m times the pairs among three landmarks: a pair and a third one ordered to either."""
    groups = []
    for pair in uniform(pairs, count, rng):
        two = pair[0]
        thirds = np.setdiff1d(pairs[np.isin(pairs, two).any(1)], two)
        three = two if len(thirds) == 0 else np.append(two, thirds[rng.integers(len(thirds))])
        groups.append(pairs[np.isin(pairs, three).all(1)])
    return groups


def every(pairs: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return all pairs in every step, ignoring m: M landmarks are evaluated, the sum has M(M−1)/2 terms."""
    return [pairs]


PAIR_SAMPLERS: dict[str, PairSampler] = {
    "uniform": uniform,
    "top_biased": top_biased,
    "adjacent": adjacent,
    "triples": triples,
    "all": every,
}
