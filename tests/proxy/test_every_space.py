from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import Compose

from lmreg.config.catalogue import choices
from lmreg.experiment.study import Options, Study
from lmreg.rank.proxy_scores import ProxiesConfig, ProxyScores

SPACES = {name: ["network.channels=4"] for name in choices("space") if name not in ("custom", "mbconv")}
SPACES |= {"custom": [], "mbconv": [], "darts": ["network.channels=4", "network.cells=3"]}
SPACES |= {"nds": ["network.channels=4", "network.cells=3"]}
SPACES["depth_decoder"] += ["task=depth", "data=shapes_depth", "data.scenes=24", "data.test_scenes=4"]


@pytest.mark.parametrize("name", sorted(SPACES))
def test_every_score_works(name: str, composed: Compose, tmp_path: Path, rng: np.random.Generator) -> None:
    cfg = composed("search", f"space={name}", f"root={tmp_path}", *SPACES[name])
    study = Study(cfg, Options(cfg.study, cfg.root, threads=1))
    config = ProxiesConfig(use=choices("proxy"), batch_size=4, workers=1)
    archs = [study.space.sample(rng) for _ in range(3)]
    table = ProxyScores(study, config, study.data.hash).table(archs)
    expected = set(choices("proxy")) - ({"vkdnw"} if name == "depth_decoder" else set())
    assert set(table) == expected
    alive = table.apply(lambda column: column.map(math.isfinite).any())
    assert alive.drop(["progressivity", "trainability"]).all(), table.T
