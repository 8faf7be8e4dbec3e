"""Ways of choosing which architectures to train, for the study of `budget.py`.

A policy sees the candidates, and of each architecture that it has trained the validation score. It never sees
a test score.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from lmreg.predictor.acquisition import upper_confidence_bound
from lmreg.predictor.base import Known, normal_scores
from lmreg.predictor.gp import Config, GaussianProcess
from lmreg.predictor.vote import vote
from lmreg.space.base import Arch, Space

BATCH = 5  # architectures that are trained between two fits
POPULATION, TOURNAMENT = 10, 5


@dataclass(frozen=True)
class Candidates:
    """What a policy may know of n architectures before any is trained; arrays have a row for each."""

    space: Space
    archs: list[Arch]
    keys: list[str]
    views: tuple[np.ndarray, ...]
    proxies: np.ndarray
    voters: int
    """How many of the training-free scores vote, the first ones."""

    @property
    def vote(self) -> np.ndarray:
        return vote(self.proxies[:, : self.voters])

    def subset(self, rows: np.ndarray) -> Candidates:
        archs, keys = [self.archs[i] for i in rows], [self.keys[i] for i in rows]
        views = tuple(view[rows] for view in self.views)
        return Candidates(self.space, archs, keys, views, self.proxies[rows], self.voters)


class Trainings:
    """The trainings that a policy has paid, in their order; it trains nothing twice."""

    def __init__(self, scores: np.ndarray, most: int):
        self._scores, self.most = scores, most
        self.order: list[int] = []

    @property
    def left(self) -> int:
        return self.most - len(self.order)

    @property
    def untrained(self) -> np.ndarray:
        """Whether each candidate hasn't been trained, bool [n]."""
        mask = np.ones(len(self._scores), bool)
        mask[self.order] = False
        return mask

    @property
    def scores(self) -> np.ndarray:
        """The validation scores of the trained ones, in their order."""
        return self._scores[self.order]

    def train(self, rows: Iterable[int]) -> None:
        """Train further candidates, as far as trainings are left."""
        self.order += [int(row) for row in rows][: self.left]

    def score(self, row: int) -> float:
        assert row in self.order
        return float(self._scores[row])


Policy = Callable[[Candidates, Trainings, np.random.Generator], None]
"""Trains candidates until no training is left."""


def random_search(candidates: Candidates, trainings: Trainings, rng: np.random.Generator) -> None:
    trainings.train(rng.permutation(len(candidates.archs)))


def by_vote(candidates: Candidates, trainings: Trainings, rng: np.random.Generator) -> None:
    trainings.train(np.argsort(-candidates.vote))


@dataclass(frozen=True)
class Evolution:
    """Regularised evolution: tournaments choose the parents, and the oldest member dies.

    The child is the candidate that computes what the mutant computes. If there is none that is untrained, the
    candidate nearest to the mutant is taken, so that every step pays one training.

    Source: Real, Aggarwal, Huang, Le, "Regularized Evolution for Image Classifier Architecture Search",
    AAAI 2019, algorithm 1.
    """

    population: int = POPULATION
    tournament: int = TOURNAMENT

    def __call__(self, candidates: Candidates, trainings: Trainings, rng: np.random.Generator) -> None:
        space, place = candidates.space, {key: i for i, key in enumerate(candidates.keys)}
        trainings.train(rng.permutation(len(candidates.archs))[: self.population])
        population = deque(trainings.order, self.population)
        while trainings.left:
            drawn = rng.integers(len(population), size=self.tournament)
            parent = max((population[i] for i in drawn), key=trainings.score)
            mutant = space.mutate(candidates.archs[parent], rng)
            child, untrained = place.get(space.canonical(mutant)), trainings.untrained
            if child is None or not untrained[child]:
                away = np.abs(candidates.views[0] - space.encode(mutant)).sum(1)
                away += 0.1 * rng.random(len(away))  # equally near ones in random order
                child = int(np.argmin(np.where(untrained, away, np.inf)))
            trainings.train([child])
            population.append(child)  # a full deque drops its oldest member


def random_start(candidates: Candidates, count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(len(candidates.archs))[:count]


def best_start(candidates: Candidates, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the best by the vote."""
    return np.argsort(-candidates.vote)[:count]


def spread_start(candidates: Candidates, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the candidates at the middles of ``count`` equal parts of the vote's order."""
    return _spread(np.argsort(candidates.vote), count)


def mixed_start(candidates: Candidates, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the best by the vote, and as many spread over the others."""
    order = np.argsort(candidates.vote)
    best = count - count // 2
    return np.concatenate([order[::-1][:best], _spread(order[:-best], count // 2)])


def _spread(order: np.ndarray, count: int) -> np.ndarray:
    return order[((np.arange(count) + 0.5) / count * len(order)).astype(int)]


def predicted_mean(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    return mean


def confidence_bound(mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
    return upper_confidence_bound(mean, deviation)


@dataclass(frozen=True)
class Guided:
    """First landmarks, then batches of those that the Gaussian process of all landmarks promises most of."""

    start: Callable[[Candidates, int, np.random.Generator], np.ndarray] = best_start
    first: int = 10
    promise: Callable[[np.ndarray, np.ndarray, float], np.ndarray] = confidence_bound
    proxies: bool = True
    batch: int = BATCH

    def __call__(self, candidates: Candidates, trainings: Trainings, rng: np.random.Generator) -> None:
        trainings.train(self.start(candidates, self.first, rng))
        proxies = candidates.proxies if self.proxies else candidates.proxies[:, :0]
        while trainings.left:
            others = np.flatnonzero(trainings.untrained)
            rows = np.concatenate([trainings.order, others])
            views = tuple(view[rows] for view in candidates.views)
            known = Known(views, proxies[rows], trainings.scores, voters=candidates.voters)
            found = GaussianProcess(Config()).predict(known)
            best = float(normal_scores(trainings.scores).max())
            promised = self.promise(found.mean, found.deviation, best)[len(trainings.order) :]
            trainings.train(others[np.argsort(-promised)[: self.batch]])
