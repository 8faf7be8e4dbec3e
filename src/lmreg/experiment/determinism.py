"""torch's settings that decide whether a computation gives the same numbers when it is done again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import torch

_MEMORY: Any = torch.utils.deterministic


def set_deterministic(on: bool) -> None:
    """Have torch take GPU kernels that repeat their numbers, and refuse what has none; or any kernels.

    CPUs repeat theirs without it, as long as the number of threads is the same. TF32 stays what torch makes
    of it: it rounds more, but always in the same way.
    """
    if on:
        # Read when cuBLAS is first used, so it comes before any work on a GPU.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if on != torch.are_deterministic_algorithms_enabled():  # setting it loads torch's compiler: a second
        torch.use_deterministic_algorithms(on)
    # Else every new tensor is filled first, which only shows whether one is read before it is written.
    _MEMORY.fill_uninitialized_memory = not on
    torch.backends.cudnn.deterministic = on
    torch.backends.cudnn.benchmark = False  # or the fastest kernel of the moment is taken


@contextlib.contextmanager
def settings_kept() -> Iterator[None]:
    """torch's settings are afterwards what they were; for commands, which other work may follow in the
    same process."""
    before = {name: getattr(torch.backends.cudnn, name) for name in ("deterministic", "benchmark")}
    fill = _MEMORY.fill_uninitialized_memory
    threads, on = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        for name, value in before.items():
            setattr(torch.backends.cudnn, name, value)
        _MEMORY.fill_uninitialized_memory = fill
        if on != torch.are_deterministic_algorithms_enabled():
            torch.use_deterministic_algorithms(on, warn_only=warn_only)
