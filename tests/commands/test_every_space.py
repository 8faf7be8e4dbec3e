"""All stages for every space of the catalogue with every algorithm that supports it (`-m slow`)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import InProcess

from lmreg.config import catalogue
from lmreg.config.build import choice_of, classes_of
from lmreg.experiment.compatibility import able_algorithms
from lmreg.network.base import SuperNet
from lmreg.space.base import Space
from lmreg.util.files import read_json

LANDMARKS = (
    "landmarks.count=3",
    "landmarks.pool=4",
    "landmarks.seeds=1",
    "landmarks.pool_seeds=1",
    "workers=1",
)
TRAINED = ("trainer.steps=3", "trainer.batch_size=8")
SEARCHED = (*TRAINED, "strategy.budget=3", "log_every=3", "scoring.images=64", "network.channels=8")
NAO = ("algo.pool=4", "algo.warmup=0.3", "algo.refresh_epochs=0.002", "algo.predictor_epochs=3")
DEPTH = ("task=depth", "data=shapes_depth", "data.scenes=96", "data.test_scenes=24", "data.resolution=16")


@pytest.mark.slow
@pytest.mark.parametrize("name", catalogue.choices("space"))
def test_every_stage_with_every_algorithm(name: str, in_process: InProcess, tmp_path: Path) -> None:
    network = classes_of("network", SuperNet)[name]
    cls, config = choice_of("space", name, Space)
    algorithms = able_algorithms(network, cls(config))  # type: ignore[call-arg]
    given = (f"space={name}", *(DEPTH if network.dense else ()))
    study = ("study=it", f"root={tmp_path}")

    def done(*args: str) -> str:
        code, out, errors = in_process(*args, *study)
        assert code == 0, errors
        return out

    done("train-landmarks", *given, *LANDMARKS, *TRAINED, "network.channels=8")
    for algo in algorithms:
        own = NAO if algo == "nao" else ()
        done("search", "-m", *given, *SEARCHED, f"algo={algo}", *own, "reg=none,landmark")
    done("evaluate", "bootstrap=100")
    done("report")

    results = [read_json(path) for path in (tmp_path / "it").glob("search/*/result.json")]
    expected = {(algo, reg) for algo in algorithms for reg in ("none", "landmark")}
    assert {(result["algo"], result["reg"]) for result in results} == expected
    gains = pd.read_csv(tmp_path / "it" / "evaluate" / "paired.csv")
    compared = {" ".join(label.split()[:2]) for label in gains[gains["against"] == "none"]["comparison"]}
    assert compared == {f"{algo} landmark" for algo in algorithms}
    for algo in set(catalogue.choices("algo")) - {"none", *algorithms}:
        code, _, errors = in_process("search", *given, f"algo={algo}", "reg=none", *study)
        assert code == 2
        assert f"algo={algo}" in errors
