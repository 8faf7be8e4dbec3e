from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from lmreg.errors import LmregError
from lmreg.train import checkpoint
from lmreg.train.random_streams import Streams

CPU = torch.device("cpu")


def test_state_comes_back(tmp_path: Path) -> None:
    state = {
        "a": torch.arange(3),
        "b": [{"x": 1.5, "y": float("nan")}],
        "streams": Streams(0, CPU).state_dict(),
    }
    checkpoint.save(tmp_path / "c.pt", state, "h")
    loaded = checkpoint.load(tmp_path / "c.pt", "h", CPU)
    assert torch.equal(loaded["a"], state["a"])
    assert loaded["b"][0]["x"] == 1.5
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]  # no temporary file is left


def test_streams_go_on_where_they_were() -> None:
    streams = Streams(4, CPU)
    streams.arch.random(3)
    torch.rand(3, generator=streams.data)
    state = streams.state_dict()
    expected = (streams.arch.random(5).tolist(), torch.rand(5, generator=streams.data).tolist())
    other = Streams(5, CPU)
    other.load_state_dict(state)
    assert (other.arch.random(5).tolist(), torch.rand(5, generator=other.data).tolist()) == expected


def test_streams_are_independent_of_each_other() -> None:
    streams = Streams(0, CPU)
    values = [streams.arch.random(), streams.reg.random()]
    values += [torch.rand(1, generator=g).item() for g in (streams.data, streams.rank, streams.gumbel)]
    assert len(set(values)) == 5


def test_a_branch_has_streams_of_its_own() -> None:
    streams, same = Streams(0, CPU), Streams(0, CPU)
    branch = streams.branch("round-1")
    values = [branch.arch.random(), torch.rand(1, generator=branch.data).item()]
    again = same.branch("round-1")
    assert [again.arch.random(), torch.rand(1, generator=again.data).item()] == values
    assert streams.arch.random() == Streams(0, CPU).arch.random()  # the branch's draws haven't shifted it
    assert streams.branch("round-2").arch.random() != values[0]


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code ran",))


@pytest.mark.parametrize("kind", ["truncated", "empty", "text", "pickle", "torch"])
def test_what_is_no_checkpoint_is_refused_and_runs_nothing(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.pt"
    checkpoint.save(path, {"a": torch.arange(1000)}, "h")
    whole = path.read_bytes()
    if kind == "torch":
        torch.save({"format": 1, "config_hash": "h", "state": Evil()}, path)
    else:
        content = {"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"hello"}
        path.write_bytes(content.get(kind, pickle.dumps(Evil())))
    with pytest.raises(LmregError, match="is not a readable checkpoint"):
        checkpoint.load(path, "h", CPU)
    assert "code ran" not in capsys.readouterr().out


def test_another_config_or_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path / "c.pt", {}, "h")
    with pytest.raises(LmregError, match="another configuration; delete"):
        checkpoint.load(tmp_path / "c.pt", "other", CPU)
    monkeypatch.setattr(checkpoint, "FORMAT", 2)
    with pytest.raises(LmregError, match="format 1, this lmreg reads 2"):
        checkpoint.load(tmp_path / "c.pt", "h", CPU)
