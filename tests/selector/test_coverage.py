from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest

from lmreg.errors import LmregError
from lmreg.selector.base import Candidates
from lmreg.selector.coverage import Config, CoverageSelector
from lmreg.space.base import Arch
from lmreg.space.nasbench201 import NASBench201


def select(
    space: NASBench201, count: int, seed: int = 0, taken: Sequence[Arch] = (), **options: int
) -> list[Arch]:
    selector = CoverageSelector(Config(**options))
    candidates = Candidates(space, space.sample, lambda arch: 0, taken)
    return selector.select(candidates, count, np.random.default_rng(seed))


def distances(space: NASBench201, archs: Sequence[Arch], others: Sequence[Arch]) -> np.ndarray:
    """Return Euclidean distances between encodings, [archs, others]."""
    one, other = (np.stack([space.encode(arch) for arch in some]) for some in (archs, others))
    return np.sqrt(np.maximum((one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T, 0))


def farthest(space: NASBench201, archs: Sequence[Arch], landmarks: Sequence[Arch]) -> float:
    return float(distances(space, archs, landmarks).min(1).max())


def test_within_twice_the_least_that_is_possible(space: NASBench201) -> None:
    """Compared with all choices of 3 of 12, the worst of which isn't within the bound."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        few = [space.sample(rng) for _ in range(12)]
        candidates = Candidates(space, lambda rng, few=few: few[rng.integers(12)], lambda arch: 0)  # type: ignore[misc]
        chosen = CoverageSelector(Config(candidates=12)).select(candidates, 3, rng)
        possible = [farthest(space, few, landmarks) for landmarks in combinations(few, 3)]
        assert farthest(space, few, chosen) <= 2 * min(possible) + 1e-6
        assert farthest(space, few, chosen) < max(possible)


def test_each_is_the_farthest_from_those_before(space: NASBench201) -> None:
    chosen = select(space, 20, candidates=200)
    rng = np.random.default_rng(0)
    drawn: dict[str, Arch] = {}
    while len(drawn) < 200:
        arch = space.sample(rng)
        drawn.setdefault(space.canonical(arch), arch)
    archs = list(drawn.values())
    assert chosen[0] == archs[0]
    for count in range(1, 20):
        gaps = distances(space, archs, chosen[:count]).min(1)
        assert chosen[count] == archs[int(np.argmax(gaps.round(6)))]


@pytest.mark.parametrize("count", [10, 30])
def test_the_whole_space_is_covered_better_than_by_chance(space: NASBench201, count: int) -> None:
    """Fewer of all 15,625 cells are 4 or more decisions from every landmark, and the mean distance is
    lower."""
    every = np.array([arch.choices for arch in space.enumerate()])

    def gaps(chosen: Sequence[Arch]) -> np.ndarray:
        """Return in how many decisions each cell differs from its nearest landmark."""
        return np.min([(every != arch.choices).sum(1) for arch in chosen], axis=0)

    for seed in range(3):
        rng = np.random.default_rng(seed)
        covered = gaps(select(space, count, seed))
        by_chance = gaps([space.sample(rng) for _ in range(count)])
        assert covered.mean() < by_chance.mean()
        assert (covered >= 4).mean() < 0.9 * (by_chance >= 4).mean()


def test_more_keeps_the_first_and_another_generator_gives_others(space: NASBench201) -> None:
    assert select(space, 40)[:15] == select(space, 15)
    assert select(space, 15, seed=1) != select(space, 15)


def test_those_taken_are_left_alone_and_kept_away_from(space: NASBench201) -> None:
    taken = select(space, 20)
    more = select(space, 20, seed=1, taken=taken)
    assert len({space.canonical(arch) for arch in (*taken, *more)}) == 40
    near = [space.sample(np.random.default_rng(2)) for _ in range(20)]
    assert distances(space, more, taken).min(1).mean() > distances(space, near, taken).min(1).mean()


def test_architectures_of_one_encoding_are_all_chosen_once_all_others_are(space: NASBench201) -> None:
    class Coarse(NASBench201):
        def encode(self, arch: Arch) -> np.ndarray:
            return super().encode(arch)[:5]

    chosen = select(Coarse(), 30, candidates=30)
    assert len({space.canonical(arch) for arch in chosen}) == 30
    assert sorted(arch.choices[0] for arch in chosen[:5]) == [0, 1, 2, 3, 4]


def test_what_cannot_be_met_is_told(space: NASBench201, rng: np.random.Generator) -> None:
    with pytest.raises(LmregError, match=r"selector\.candidates=20: must be at least .* which is 30"):
        select(space, 30, candidates=20)
    few = [space.arch((3, 3, 3, 3, 3, i)) for i in (2, 3, 4)]
    candidates = Candidates(space, lambda rng: few[rng.integers(3)], lambda arch: 0)
    assert len(CoverageSelector(Config()).select(candidates, 3, rng)) == 3
    with pytest.raises(LmregError, match=r"found only 3 .*; lower landmarks\.count \(now 4\)"):
        CoverageSelector(Config()).select(candidates, 4, rng)
