"""How torch's threads wait for each other, which the environment must set before torch is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lmreg.commands.train_landmarks import LandmarkOptions
from lmreg.config.build import top_level
from lmreg.experiment.study import Study
from lmreg.experiment.workers import threads_per_worker
from lmreg.util.machine import usable_cores
from tests.conftest import Compose

# A spawned process, like a worker of experiment/workers.py. It prints how its OpenMP was configured to wait.
PROGRAM = """
import multiprocessing, os, sys, types
import lmreg.cli.main

def tell(when):
    print(when, os.environ.get("OMP_WAIT_POLICY"), flush=True)

def search(config, overrides):
    tell("command")
    worker = multiprocessing.get_context("spawn").Process(target=tell, args=("worker",))
    worker.start()
    worker.join()

if __name__ == "__main__":
    assert "torch" not in sys.modules
    sys.modules["lmreg.commands.search"] = types.SimpleNamespace(search=search)
    lmreg.cli.main.main(["search"], prog_name="lmreg")
"""


@pytest.mark.parametrize(
    ("own", "policy"),
    [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE"), ({"GOMP_SPINCOUNT": "1000"}, "None")],
)
def test_idle_threads_sleep_unless_the_user_says_otherwise(
    own: dict[str, str], policy: str, tmp_path: Path
) -> None:
    ours = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    environment = {key: value for key, value in os.environ.items() if key not in ours} | own
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split("\n")[:2] == [f"command {policy}", f"worker {policy}"], done.stderr


@pytest.mark.parametrize(
    ("option", "environment", "threads"),
    [
        ("threads=3", "2", 3),
        (None, "2", 2),
        (None, "2,1", 2),
        (None, "", usable_cores()),
        (None, "x", usable_cores()),
    ],
)
def test_a_worker_has_the_threads_that_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
    composed: Compose,
    option: str | None,
    environment: str,
    threads: int | None,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", environment)
    cfg = composed("train_landmarks", *filter(None, [option]))
    assert threads_per_worker(Study(cfg, top_level(cfg, LandmarkOptions)), workers=1) == (
        threads or usable_cores()
    )
