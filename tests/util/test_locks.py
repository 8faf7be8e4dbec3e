from __future__ import annotations

import errno
import fcntl
import threading
import time
from pathlib import Path

import pytest

from lmreg.errors import LmregError
from lmreg.util.locks import claimed, clear_abandoned, locked


def hidden(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob(".*"))


def test_one_process_has_a_claim_and_leaves_no_trace(tmp_path: Path) -> None:
    record = tmp_path / "new" / "a.json"
    with claimed(record) as first, claimed(record) as second, claimed(tmp_path / "new" / "b.json") as other:
        assert (first, second, other) == (True, False, True)
        assert hidden(tmp_path) == [".a.json.claim", ".b.json.claim"]
    with claimed(record) as again:
        assert again
    assert hidden(tmp_path) == []


def test_leftovers_of_a_killed_process_are_taken_over(tmp_path: Path) -> None:
    for name in (".a.json.claim", ".a.json.x1.unfinished", ".b.json.claim", ".b.json.x2.unfinished"):
        (tmp_path / name).touch()
    with claimed(tmp_path / "a.json") as mine:
        assert mine
        assert hidden(tmp_path) == [".a.json.claim", ".b.json.claim", ".b.json.x2.unfinished"]
        (tmp_path / ".a.json.x3.unfinished").touch()
        clear_abandoned(tmp_path)  # removes b's claim, but not those of a running process
        assert hidden(tmp_path) == [".a.json.claim", ".a.json.x3.unfinished"]


def test_only_one_at_a_time_though_claims_come_and_go(tmp_path: Path) -> None:
    """A claim's file is removed when its holder ends; a waiting process must not hold the removed file."""
    inside, most, entries = 0, 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most, entries
        for _ in range(60):
            with claimed(tmp_path / "x", wait=True) as mine:
                assert mine
                with lock:
                    inside += 1
                    most, entries = max(most, inside), entries + 1
                time.sleep(0)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, entries) == (1, 360)
    assert hidden(tmp_path) == []


def test_a_folder_has_one_user(tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        (tmp_path / "run" / "result").touch()
        with pytest.raises(LmregError, match=r"another process is working in .*run; wait for it"):
            locked(tmp_path / "run").__enter__()
    assert [p.name for p in tmp_path.rglob("*")] == ["run", "result"]


def test_a_failure_leaves_no_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    for folder in (tmp_path / "before", tmp_path / "new" / "study" / "run"):
        with pytest.raises(LmregError, match="diverged"), locked(folder):
            raise LmregError("diverged")
    assert [p.name for p in tmp_path.rglob("*")] == ["before"]


def test_a_folder_that_isnt_writable_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LmregError, match=r"can't write to .*file"):
        locked(tmp_path / "file").__enter__()
    with pytest.raises(LmregError, match=r"can't write to .*file"):
        claimed(tmp_path / "file" / "a.json").__enter__()


def test_without_locks_every_claim_is_granted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    (tmp_path / ".a.json.x.unfinished").touch()
    with claimed(tmp_path / "a.json") as one, claimed(tmp_path / "a.json") as two, locked(tmp_path):
        assert (one, two) == (True, True)
        assert ".a.json.x.unfinished" in hidden(tmp_path)  # another process may be writing it
    assert hidden(tmp_path) == [".a.json.x.unfinished"]
