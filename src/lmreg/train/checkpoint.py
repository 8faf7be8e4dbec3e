"""Checkpoints: written whole or not at all, and never able to run code."""

from __future__ import annotations

import io
from collections.abc import Set
from pathlib import Path
from typing import Any

import torch

from lmreg.errors import LmregError
from lmreg.util.files import write_atomically

FORMAT = 1


def save(path: Path, state: dict[str, Any], config_hash: str) -> None:
    """Write ``state`` (tensors, numbers, strings and containers of them)."""
    content = {"format": FORMAT, "config_hash": config_hash, "state": state}
    # By way of memory: torch hides what the file system says (a full disk) behind an error of its own.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, lambda file: file.write(buffer.getbuffer()))


def load(
    path: Path,
    config_hash: str,
    device: torch.device,
    keys: Set[str] = frozenset(),
    earlier: Set[str] = frozenset(),
) -> dict[str, Any]:
    """The state in ``path``, which must have ``keys``.

    Args:
        earlier: hashes that an earlier lmreg gave the same config.

    Raises:
        LmregError: unreadable file, another format, or the checkpoint of another config.
    """
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        written, found = content["format"], content["config_hash"]
    except Exception as error:  # zip, pickle and key errors of any kind: not a checkpoint of ours
        raise LmregError(
            f"{path} is not a readable checkpoint ({type(error).__name__}); "
            f"delete {path.parent} to start that run again"
        ) from error
    if written != FORMAT:
        raise LmregError(f"{path} has format {written}, this lmreg reads {FORMAT}")
    if found not in {config_hash, *earlier}:
        raise LmregError(
            f"{path} belongs to another configuration; delete {path.parent} to start that run again"
        )
    if lacks := sorted(keys - set(content["state"])):
        raise LmregError(f"{path} lacks {lacks[0]}; delete {path.parent} to start that run again")
    return content["state"]
