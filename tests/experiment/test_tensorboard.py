"""Event files hold each row of metrics.csv once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lmreg.errors import LmregError
from lmreg.experiment.tensorboard import FOLDER, Events


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder / FOLDER))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


ROWS = [
    {"step": s, "train_loss_nats": 1.0 / s, "hinge_nats": float("nan") if s < 20 else 0.5}
    for s in (10, 20, 30)
]


def test_rows_become_curves_and_a_resume_doubles_none(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with Events() as events:
        events.begin(tmp_path, [])
        for row in ROWS[:2]:
            events.add(row)
    with Events() as events:  # killed after step 20, resumed from the checkpoint of step 10
        events.begin(tmp_path, ROWS[:1])
        for row in ROWS[1:]:
            events.add(row)
    found = read(tmp_path)
    assert found["train_loss_nats"] == [(s, pytest.approx(1.0 / s)) for s in (10, 20, 30)]
    assert found["hinge_nats"] == [(20, 0.5), (30, 0.5)]


def test_without_the_package_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(LmregError, match=r"pip install 'lmreg\[tensorboard\]'"):
        Events()
