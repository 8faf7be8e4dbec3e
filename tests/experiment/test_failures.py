from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lmreg.errors import Interrupted, LmregError, error_line, is_user_error
from lmreg.experiment.failures import ERROR_FILE, failure_noted, read_failure


def fail(folder: Path, error: BaseException, always: bool = True) -> None:
    with pytest.raises(type(error)), failure_noted(folder, always):
        raise error


def test_a_users_error_is_noted_without_a_traceback(tmp_path: Path) -> None:
    fail(tmp_path / "run", LmregError("lower trainer.lr"))
    text = (tmp_path / "run" / ERROR_FILE).read_text()
    assert [line.partition(":")[0] for line in text.splitlines()] == ["time", "command", "error"]
    assert read_failure(tmp_path / "run") == "lower trainer.lr"


def test_a_bug_is_noted_with_its_traceback(tmp_path: Path) -> None:
    fail(tmp_path, ValueError("of\nmany lines"))
    text = (tmp_path / ERROR_FILE).read_text()
    assert "error: ValueError: of many lines\n" in text
    assert "Traceback" in text
    assert "raise error" in text


def test_a_success_or_an_interruption_ends_it(tmp_path: Path) -> None:
    for end in (None, Interrupted("stop", 15), KeyboardInterrupt()):
        fail(tmp_path, ValueError("x"))
        if end is None:
            with failure_noted(tmp_path, always=True):
                pass
        else:
            fail(tmp_path, end)
        assert read_failure(tmp_path) is None


def test_a_run_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    fail(tmp_path / "run", ValueError("x"), always=False)
    assert not (tmp_path / "run").exists()
    fail(tmp_path / "run", LmregError("x"), always=True)
    assert (tmp_path / "run" / ERROR_FILE).exists()


def test_an_error_in_an_unwritable_folder_is_still_the_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    fail(tmp_path / "file" / "run", LmregError("can't write"))


def test_out_of_memory_is_a_line_that_helps() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    of_a_gpu = torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB. GPU 0 has 1 GiB")
    for error in (caught.value, of_a_gpu, MemoryError()):
        assert is_user_error(error)
        assert error_line(error).startswith("out of memory (")
        assert "lower trainer.batch_size" in error_line(error)
    assert not is_user_error(RuntimeError("shapes differ"))


def test_names_are_shown_as_they_are_but_safe_to_print() -> None:
    error = LmregError("a\nb\x1b[2J\udcff é  c has no images")
    assert error_line(error) == "a\\nb\\x1b[2J\\udcff é  c has no images"
    assert error_line(OSError(2, "No such file", "x\ny")) == "No such file: x\\ny"
