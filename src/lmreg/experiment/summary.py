"""Device and data in words, for what is announced before work begins."""

from __future__ import annotations

import torch

from lmreg.data.images import ImageData
from lmreg.util.progress import counted, say


def device_in_words(device: torch.device, threads: int | None = None) -> str:
    """Return the name of the GPU, or the CPU with its number of threads (this process's unless given)."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {counted(threads or torch.get_num_threads(), 'thread')}"


_announced: set[str] = set()


def announce_data(data: ImageData) -> None:
    """Print what was read, once per process and data set, although every stage calls this."""
    if data.hash not in _announced:
        _announced.add(data.hash)
        say("\n".join(data.description))


def splits_in_words(data: ImageData) -> str:
    """Return the sizes of the splits, such as ``8,000 train, 2,000 rank, 2,000 score, 4,000 test images``."""
    return f"{', '.join(f'{size:,} {name}' for name, size in data.sizes.items())} images"
