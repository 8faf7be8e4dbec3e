from __future__ import annotations

import numpy as np
import pytest

from lmreg.space.base import Space
from lmreg.space.isomorphism import IsomorphismIndex
from lmreg.space.nasbench101 import NASBench101
from lmreg.space.nasbench201 import NASBench201


@pytest.mark.parametrize("space", [NASBench201(), NASBench101()], ids=lambda space: space.name)
def test_members_and_repetitions_are_those_of_equal_keys(space: Space, rng: np.random.Generator) -> None:
    first = next(space.enumerate())
    archs = [first, *(arch for arch in (space.sample(rng) for _ in range(30)) for arch in (arch, arch))]
    archs += [near for arch in archs[:4] for near in space.neighbours(arch)]
    keys = np.array([space.canonical(arch) for arch in archs])
    classes = IsomorphismIndex(space, archs)
    for arch, key in zip(archs, keys, strict=True):
        assert classes.isomorphic_to(arch) == np.flatnonzero(keys == key).tolist()
    several = {key for key in keys if (keys == key).sum() > 1}
    found = {tuple(places) for places in classes.duplicates()}
    assert found == {tuple(np.flatnonzero(keys == key)) for key in several}
    others = [arch for arch in (space.sample(rng) for _ in range(50)) if space.canonical(arch) not in keys]
    assert others
    assert not any(classes.isomorphic_to(arch) for arch in others)
