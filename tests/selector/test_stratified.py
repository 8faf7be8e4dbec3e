from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from lmreg.errors import LmregError
from lmreg.experiment.study import Options, Study
from lmreg.selector.base import Candidates
from lmreg.selector.stratified import Config, StratifiedSelector
from lmreg.space.base import Arch
from lmreg.space.distinct import draw_distinct_up_to
from lmreg.space.nasbench201 import NASBench201


def size(arch: Arch) -> int:
    """Increases with convolutions, like the number of parameters, and has many ties."""
    return 9 * arch.choices.count(3) + arch.choices.count(2)


def select(space: NASBench201, count: int, seed: int = 0, **options: int) -> list[Arch]:
    selector = StratifiedSelector(Config(**options))
    return selector.select(Candidates(space, space.sample, size), count, np.random.default_rng(seed))


@pytest.mark.parametrize(("count", "strata"), [(30, 10), (31, 10), (38, 10), (7, 10), (5, 1), (30, 30)])
def test_each_stratum_gives_as_many_as_any_other(space: NASBench201, count: int, strata: int) -> None:
    def unique(arch: Arch) -> int:  # without ties it is known in which stratum an architecture lies
        return sum(choice * 5**i for i, choice in enumerate(arch.choices))

    drawn: list[int] = []

    def params(arch: Arch) -> int:
        drawn.append(unique(arch))
        return drawn[-1]

    selector = StratifiedSelector(Config(strata=strata, candidates=300))
    chosen = selector.select(Candidates(space, space.sample, params), count, np.random.default_rng(1))
    assert len(drawn) == 300  # each network is built once
    groups = np.array_split(np.sort(drawn), min(strata, count))
    per_group = Counter(next(i for i, g in enumerate(groups) if unique(a) in g) for a in chosen)
    assert len({space.canonical(arch) for arch in chosen}) == count
    assert len(per_group) == len(groups)
    assert max(per_group.values()) - min(per_group.values()) <= 1


def test_it_covers_sizes_more_evenly_than_chance(space: NASBench201) -> None:
    def misfits(seed: int) -> tuple[float, float]:
        """Largest gaps between the distribution of sizes among the candidates and that among those chosen, by
        strata and by chance (Kolmogorov)."""
        rng = np.random.default_rng(seed)
        drawn = draw_distinct_up_to(space, lambda: space.sample(rng), Config().candidates)
        every = np.sort([size(arch) for arch in drawn])
        gaps = []
        for chosen in (select(space, 30, seed), [drawn[i] for i in rng.permutation(len(drawn))[:30]]):
            mine = np.sort([size(arch) for arch in chosen])
            cdf = [np.searchsorted(s, np.unique(every), side="right") / len(s) for s in (mine, every)]
            gaps.append(float(np.abs(cdf[0] - cdf[1]).max()))
        return gaps[0], gaps[1]

    stratified, by_chance = zip(*map(misfits, range(20)), strict=True)
    assert np.mean(stratified) < 0.75 * np.mean(by_chance)


def test_same_generator_same_choice_and_more_keeps_the_first(space: NASBench201) -> None:
    assert select(space, 30) == select(space, 30)
    assert select(space, 30, seed=1) != select(space, 30)
    assert select(space, 43)[:30] == select(space, 30)


def test_a_small_table_gives_all_it_has(space: NASBench201, rng: np.random.Generator) -> None:
    few = [space.arch((3, 3, 3, 3, i, j)) for i in range(2, 5) for j in range(2, 5)]
    candidates = Candidates(space, lambda rng: few[rng.integers(len(few))], size)
    chosen = StratifiedSelector(Config(strata=4)).select(candidates, 9, rng)
    assert set(chosen) == set(few)
    with pytest.raises(LmregError, match=r"found only 9 .*; lower landmarks\.count \(now 10\)"):
        StratifiedSelector(Config()).select(candidates, 10, rng)


def test_fewer_candidates_than_landmarks_are_refused(space: NASBench201) -> None:
    with pytest.raises(
        LmregError, match=r"selector\.candidates=20: must be at least landmarks\.count, .* 30"
    ):
        select(space, 30, candidates=20)


def test_sizes_are_those_of_the_stand_alone_networks(composed, space: NASBench201) -> None:  # type: ignore[no-untyped-def]
    study = Study(composed("train_landmarks", "network.channels=2"), Options(threads=1))
    arch = space.arch((3, 2, 3, 2, 1, 0))
    assert study.params(arch) == study.cost(arch)["params"]
    assert study.params(arch) < study.params(space.arch((3,) * 6))
