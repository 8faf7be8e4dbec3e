"""Stand-alone trainings that several processes share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import TINY_LANDMARKS, last_given
from tests.processes import Started

from lmreg.errors import LmregError
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.records import Job, Records, training_protocol
from lmreg.landmarks.train import train_all
from lmreg.space.nasbench201 import NASBench201
from lmreg.util.locks import claimed


@pytest.fixture
def study(composed) -> Study:  # type: ignore[no-untyped-def]
    return Study(composed("train_landmarks", "trainer.steps=2", "network.channels=2"), Options(threads=1))


def jobs(space: NASBench201) -> list[Job]:
    return [Job(space.arch((3, 3, 3, 2, 2, i)), 0, "landmarks") for i in range(3)]


def test_a_second_process_skips_waits_and_takes_over(tmp_path: Path, study: Study) -> None:
    mine = jobs(study.space)
    with Records.open(tmp_path / "records", training_protocol(study)) as records:
        first = records.make(study, mine[0])
        written = records.path(mine[0]).stat().st_mtime_ns
        assert records.make(study, mine[0]) == records.read(mine[0]) == first  # read, not trained again
        assert records.path(mine[0]).stat().st_mtime_ns == written
        with claimed(records.path(mine[1])):
            assert records.make(study, mine[1]) is None

        held, let_go = threading.Event(), threading.Event()

        def another_process() -> None:  # ends without a record
            with claimed(records.path(mine[1])):
                held.set()
                let_go.wait(10)

        other = threading.Thread(target=another_process)
        other.start()
        assert held.wait(10)
        order = []
        for job, record in train_all(mine, study, records, workers=1):
            order.append(job)
            assert record["arch"] == study.space.format(job.arch)
            if len(order) == 2:
                threading.Timer(0.1, let_go.set).start()
        other.join()
    assert order == [mine[0], mine[2], mine[1]]
    assert sorted(p.name for p in (tmp_path / "records").iterdir()) == sorted(
        ["protocol.json", *(records.path(job).name for job in mine)]
    )


def test_trainings_in_this_process_restore_its_threads(tmp_path: Path, study: Study) -> None:
    before = torch.get_num_threads()
    study.options.threads = before + 1
    with Records.open(tmp_path / "records", training_protocol(study)) as records:
        (job,) = jobs(study.space)[:1]
        assert [done for done, _ in train_all([job], study, records, workers=1)] == [job]
    assert torch.get_num_threads() == before


def test_a_folder_has_a_single_protocol(tmp_path: Path, study: Study) -> None:
    folder, protocol = tmp_path / "landmarks" / "records", training_protocol(study)
    other = Records.open(folder, protocol | {"data_hash": "x"})
    with (
        Records.open(folder, protocol),
        pytest.raises(LmregError, match=r"another protocol \(the images or splits"),
    ):
        other.__enter__()
    assert not (tmp_path / "landmarks").exists()  # as nothing was trained
    with Records.open(folder, protocol | {"data_hash": "x"}) as records:
        assert records.make(study, jobs(study.space)[0])
    with pytest.raises(LmregError, match="trainings of another protocol"):
        Records.open(folder, protocol).__enter__()


def holding(until: Path, patch: Callable[[Any, str, Any], None] = setattr) -> None:
    """Lets every training of this process wait for a file, so that its job stays claimed until then."""
    real = Records._train

    def held(*args: Any, **options: Any) -> Any:
        while not until.exists():
            time.sleep(0.01)
        return real(*args, **options)

    patch(Records, "_train", held)


def test_processes_share_a_folder_and_one_is_killed(tmp_path: Path, tiny_study: Path) -> None:
    """Of three separate commands, the one with two workers is killed, and the others do the rest.

    The others are held in their first training until then, as trainings are too short to overlap by chance.
    """
    folder = tmp_path / "nasbench201-fashion_mini" / "landmarks"
    go_on = tmp_path / "go-on"

    def start(*overrides: str, before: tuple[object, ...] = ()) -> Started:
        words = ["train-landmarks", f"root={tmp_path}", *TINY_LANDMARKS]
        return Started(last_given(*words, *overrides), before=before)

    deadline = time.monotonic() + 240
    killed = start("workers=2")
    while not (folder / "records" / "protocol.json").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    # Its workers start only now, so that the other two processes reach the trainings before they end.
    survivors = [start(before=(holding, go_on)), start(before=(holding, go_on))]
    first_written: dict[str, int] = {}
    at_work_when_killed: set[str] = set()
    while any(process.poll() is None for process in survivors) and time.monotonic() < deadline:
        for path in folder.glob("records/nasbench201-*.json"):
            first_written.setdefault(path.name, path.stat().st_ino)
        claims = {path.name for path in folder.glob("records/.nasbench201-*.claim")}
        if not at_work_when_killed and len(first_written) >= 2 and len(claims) == 4:
            killed.kill()
            at_work_when_killed = claims
            go_on.touch()
        time.sleep(0.005)
    for process in survivors:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    killed.communicate(timeout=60)
    assert killed.returncode == -9
    assert len(at_work_when_killed) == 4

    records = {path.name: path.stat().st_ino for path in folder.glob("records/nasbench201-*.json")}
    assert len(records) == 18
    assert {name: records[name] for name in first_written} == first_written  # none was done twice
    assert {name[1:].removesuffix(".claim") for name in at_work_when_killed} <= set(records)
    assert [p.name for p in tmp_path.rglob(".*")] == []  # no claim, lock or unfinished file
    alone = tiny_study / "nasbench201-fashion_mini" / "landmarks"
    for name in ("landmarks.csv", "pool.csv", "manifest.json"):
        assert (folder / name).read_bytes() == (alone / name).read_bytes()
