"""Checkpoints: they are written whole or not at all, and reading one never runs code from it."""

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
    """Write ``state``, which may hold tensors, numbers, strings and containers of them."""
    content = {"format": FORMAT, "config_hash": config_hash, "state": state}
    # torch would hide an error of the file system, such as a full disk, behind one of its own.
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
    """Return the state in the file ``path``. Raises LmregError if the file can't be read, lacks one of
    ``keys``, has another format, or belongs to another config; that may have one of the ``earlier`` hashes.
    """
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        written, found = content["format"], content["config_hash"]
    except Exception as error:  # zip, pickle or key errors of any kind: it is no checkpoint of lmreg
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
