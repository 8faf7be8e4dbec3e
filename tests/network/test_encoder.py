from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lmreg.network.encoder import read_once


def test_a_file_of_weights_is_read_once_until_it_changes(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    calls: list[tuple[str, dict[str, Any]]] = []

    def read(path: Path, name: str, **options: Any) -> dict[str, Tensor]:
        calls.append((name, options))
        load = safetensors.load_file if path.suffix == ".safetensors" else torch.load
        found: dict[str, Tensor] = load(path)
        return found

    plain, safe = tmp_path / "weights.pth", tmp_path / "weights.safetensors"
    state = {"a": torch.arange(4.0), "b": torch.ones(2, 2)}
    torch.save(state, plain)
    safetensors.save_file(state, safe)
    for path in (plain, safe):
        calls.clear()
        first = read_once(path, read, "resnet", out_indices=(1, 2))
        assert all(torch.equal(first[key], state[key]) for key in state)
        # The same tensors, not others that are equal: they are held once.
        assert read_once(tmp_path / "." / path.name, read, "resnet", out_indices=(1, 2)) is first
        assert calls == [("resnet", {"out_indices": (1, 2)})]
        read_once(path, read, "resnet", out_indices=(1, 3))
        assert len(calls) == 2
    torch.save({"a": torch.zeros(4)}, plain)
    assert not read_once(plain, read, "resnet")["a"].any()
    before = plain.stat()
    torch.save({"a": torch.full((4,), 2.0)}, plain)  # as many bytes
    os.utime(plain, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert plain.stat().st_size == before.st_size
    assert read_once(plain, read, "resnet")["a"].sum() == 8
