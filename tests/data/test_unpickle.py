from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmreg.data.unpickle import load_plain
from lmreg.errors import LmregError


class Call:
    """Pickles as a call of any function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any):
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_and_containers_come_back_exactly(
    tmp_path: Path, rng: np.random.Generator, protocol: int
) -> None:
    value = {
        "data": rng.integers(255, size=(4, 6), dtype=np.uint8),
        "fortran": np.asfortranarray(rng.random((3, 2))),
        "big": np.arange(3, dtype=">i4"),
        "labels": [0, 1, np.int64(7)],
        b"raw": b"\x00\xff",
        "more": ("a", None, 1.5, {"deep": [np.float32(0.5)]}),
    }
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps(value, protocol))
    got = load_plain(path)
    assert got.keys() == value.keys()
    for key in ("data", "fortran", "big"):
        np.testing.assert_array_equal(got[key], value[key])
        assert got[key].dtype == value[key].dtype
    assert got["labels"] == [0, 1, 7]
    assert got[b"raw"] == b"\x00\xff"
    assert got["more"] == ("a", None, 1.5, {"deep": [0.5]})


def test_a_pickle_of_python_2_is_read(tmp_path: Path) -> None:
    """Reads what Python 2.7 and numpy 1 wrote for {'data': uint8 [[1, 2], [3, 4]], 'labels': [5, 6]}: text
    and pixels are byte strings, as in the official files."""
    content = (
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04"
        b"K\x00\x85U\x01b\x87Rq\x05(K\x01K\x02K\x02\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x04\x01\x02\x03\x04tb"
        b"U\x06labelsq\x08]q\x09(K\x05K\x06eu."
    )
    (tmp_path / "batch").write_bytes(content)
    got = load_plain(tmp_path / "batch")
    assert got.keys() == {b"data", b"labels"}
    assert got[b"data"].tolist() == [[1, 2], [3, 4]]
    assert got[b"labels"] == [5, 6]


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_no_code_of_a_pickle_runs(tmp_path: Path, protocol: int) -> None:
    trap, path = tmp_path / "trap", tmp_path / "batch"
    for evil in (
        Call(os.system, f"touch {trap}"),
        Call(os.mkdir, str(trap)),
        Call(eval, f"open({str(trap)!r}, 'w')"),
        Call(np.save, str(trap), 0),
        Call(getattr, "", "upper"),
    ):
        path.write_bytes(pickle.dumps({"data": np.zeros(2), "labels": [evil]}, protocol))
        with pytest.raises(LmregError, match=r"is refused: it asks for .*only arrays and plain") as error:
            load_plain(path)
        assert str(path) in str(error.value)
        assert not trap.exists()
    # Negative control: an ordinary unpickler runs the code.
    path.write_bytes(pickle.dumps(Call(os.mkdir, str(trap)), protocol))
    with path.open("rb") as file:
        pickle.load(file)
    assert trap.exists()


def test_arrays_of_objects_and_other_classes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "batch"
    for value in (np.array([{}, []], dtype=object), np.array(["a"]), np.zeros(1, "i4,f4"), Path(), {1, 2}):
        path.write_bytes(pickle.dumps(value, 2))
        with pytest.raises(LmregError, match="refused"):
            load_plain(path)


def test_truncated_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "batch"
    whole = pickle.dumps({"data": np.zeros((100, 10))}, 2)
    for content in (b"", b"text", whole[:300], whole[:-1]):
        path.write_bytes(content)
        with pytest.raises(LmregError, match="batch is not a readable pickle") as error:
            load_plain(path)
        assert "\n" not in str(error.value)
    with pytest.raises(LmregError, match=r"can't read .*nowhere: No such file"):
        load_plain(tmp_path / "nowhere")


def test_a_pickle_can_neither_write_to_the_stand_ins_nor_return_one(tmp_path: Path) -> None:
    writes = b"c_codecs\nencode\n(N}(V__doc__\nVowned\nutb."
    returns = b"c_codecs\nencode\n."
    for content in (writes, returns):
        (tmp_path / "f").write_bytes(content)
        with pytest.raises(LmregError):
            load_plain(tmp_path / "f")
