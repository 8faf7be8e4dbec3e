"""Which pairs of landmarks a step compares.

To add a sampler, write a function and name it in `PAIR_SAMPLERS`; ``reg.sampler=<name>`` then takes it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

PairSampler = Callable[[np.ndarray, int, np.random.Generator], list[np.ndarray]]
"""Of all known pairs (better, worse), int [P, 2], the count m and a generator: groups of pairs, each int
[k, 2]. Pairs that share architectures belong into one group: each of its architectures is evaluated once.
Landmarks are numbered from the best, so better < worse."""


def uniform(pairs: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """m different pairs, all equally likely."""
    return [pairs[[i]] for i in rng.choice(len(pairs), min(count, len(pairs)), replace=False)]


def top_biased(pairs: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """m times a uniform better landmark, then a uniform worse one: good landmarks come more often.

    Source: the paper's released code, a ~ U{0..M−2}, b ~ U{a+1..M−1}.
    """
    better = np.unique(pairs[:, 0])
    groups = []
    for _ in range(count):
        mine = np.flatnonzero(pairs[:, 0] == better[rng.integers(len(better))])
        groups.append(pairs[[mine[rng.integers(len(mine))]]])
    return groups


def adjacent(pairs: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """m different pairs of a landmark and the next worse one whose order to it is known."""
    _, first = np.unique(pairs[:, 0], return_index=True)  # pairs are sorted by (better, worse)
    return uniform(pairs[first], count, rng)


def triples(pairs: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """m times the pairs among three landmarks: a known pair and a third one with a known order to either."""
    groups = []
    for pair in uniform(pairs, count, rng):
        two = pair[0]
        thirds = np.setdiff1d(pairs[np.isin(pairs, two).any(1)], two)
        three = two if len(thirds) == 0 else np.append(two, thirds[rng.integers(len(thirds))])
        groups.append(pairs[np.isin(pairs, three).all(1)])
    return groups


def every(pairs: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """All pairs in every step; m is ignored. M evaluations of a path, but M(M−1)/2 terms in the sum."""
    return [pairs]


PAIR_SAMPLERS: dict[str, PairSampler] = {
    "uniform": uniform,
    "top_biased": top_biased,
    "adjacent": adjacent,
    "triples": triples,
    "all": every,
}
