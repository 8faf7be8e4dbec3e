"""The number of CPU threads that torch uses in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def threads_restored(count: int | None = None) -> Iterator[None]:
    """Restore the number of threads at the end; within it is ``count``, or unchanged at first if None."""
    before = torch.get_num_threads()
    try:
        if count is not None:
            torch.set_num_threads(count)
        yield
    finally:
        torch.set_num_threads(before)
