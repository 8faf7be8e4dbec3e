"""A table of stand-alone scores and a study whose landmarks come from one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from lmreg.config.paths import conf_dir
from lmreg.experiment.study import Options, Study
from lmreg.space.nasbench201 import NASBench201


@pytest.fixture(scope="module")
def table_study() -> Study:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return Study(compose("train_landmarks", ["landmarks=table"]), Options())


@pytest.fixture(scope="module")
def whole(space: NASBench201) -> pd.DataFrame:
    archs, rng = list(space.enumerate())[::47], np.random.default_rng(0)
    return pd.DataFrame(
        {
            "cell": [space.format(a) for a in archs],
            "valid": rng.uniform(10, 90, len(archs)),
            "test": rng.uniform(10, 90, len(archs)),
        }
    )


@pytest.fixture
def table(whole: pd.DataFrame) -> pd.DataFrame:
    return whole.copy()
