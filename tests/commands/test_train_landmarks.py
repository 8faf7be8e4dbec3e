"""``lmreg train-landmarks``: the choice of a selector, and what is left when it fails."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import DictConfig

from lmreg.commands.train_landmarks import train_landmarks
from lmreg.errors import LmregError
from lmreg.space.nasbench201 import NASBench201

TINY = ("trainer.steps=2", "network.channels=2", "landmarks.count=2", "landmarks.pool=2", "threads=1")


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def config(composed, tmp_path: Path, space: NASBench201):  # type: ignore[no-untyped-def]
    """Return the config of a command that takes scores ``from_table``, a table of 400 rows."""
    archs = [space.format(arch) for arch in list(space.enumerate())[::39]]
    table = pd.DataFrame({"arch": archs, "accuracy": np.linspace(0, 99, len(archs))})
    table.to_csv(tmp_path / "table.csv", index=False)

    def make(*overrides: str, from_table: bool = True) -> DictConfig:
        table = ("landmarks=table", f"landmarks.path={tmp_path}/table.csv") if from_table else ()
        common = (f"root={tmp_path}/root", "study=s", "workers=1")
        return composed("train_landmarks", *common, *table, *TINY, *overrides)

    return make


def test_another_selector_gives_other_landmarks_in_the_same_study(tmp_path: Path, config) -> None:  # type: ignore[no-untyped-def]
    """As with another count, the tables are written anew, and the manifest names the selector."""
    folder = tmp_path / "root" / "s" / "landmarks"
    described, landmarks, pools = [], [], []
    for overrides in ((), ("selector=stratified", "selector.strata=2"), ("selector.min_distance=4",), ()):
        train_landmarks(config("landmarks.count=12", *overrides), [])
        described.append(json.loads((folder / "manifest.json").read_text())["selector"])
        landmarks.append((folder / "landmarks.csv").read_text())
        pools.append(set(pd.read_csv(folder / "pool.csv")["arch"]))
    assert described == [
        {"name": "spaced", "min_distance": None},
        {"name": "stratified", "strata": 2, "candidates": 300},
        {"name": "spaced", "min_distance": 4},
        {"name": "spaced", "min_distance": None},
    ]
    assert len(set(landmarks)) == 3
    assert landmarks[0] == landmarks[3]
    assert pools[0] == pools[1] == pools[2]  # the pool is drawn from a stream of its own


def test_another_selector_keeps_trainings(tmp_path: Path, config, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    train_landmarks(config(from_table=False), [])
    train_landmarks(config("selector=stratified", "selector.candidates=20", from_table=False), [])
    assert "4 of 6 trainings are done already" in capsys.readouterr().out  # those of the pool, two each


@pytest.mark.parametrize(
    ("overrides", "from_table", "message"),
    [
        (("landmarks.score_column=acc",), True, "has no column 'acc'"),
        (("selector=spaced", "selector.min_distance=6", "landmarks.count=9"), True, "found only . of 9"),
        (
            ("selector=spaced", "selector.min_distance=7"),
            False,
            r"selector\.min_distance=7: must be at most 6",
        ),
        (
            ("selector=stratified", "selector.candidates=3", "landmarks.count=4"),
            False,
            r"selector\.candidates=3: must be at least",
        ),
        (("selector=stratified", "selector.strata=0"), False, r"selector\.strata=0: must be at least 1"),
    ],
)
def test_a_failed_command_leaves_nothing(
    tmp_path: Path,
    config,  # type: ignore[no-untyped-def]
    overrides: tuple[str, ...],
    from_table: bool,
    message: str,
) -> None:
    with pytest.raises(LmregError, match=message):
        train_landmarks(config(*overrides, from_table=from_table), [])
    assert not (tmp_path / "root").exists()


def test_after_a_diverged_training_another_rate_needs_no_new_study(tmp_path: Path, config) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LmregError, match="the training diverged"):
        train_landmarks(config("trainer.lr=1e30", "trainer.steps=9", from_table=False), [])
    assert not (tmp_path / "root").exists()
    train_landmarks(config(from_table=False), [])
    assert (tmp_path / "root" / "s" / "landmarks" / "manifest.json").exists()
