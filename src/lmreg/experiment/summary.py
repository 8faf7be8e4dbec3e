"""Words for what is going to run: device and data."""

from __future__ import annotations

import torch

from lmreg.experiment.study import Study
from lmreg.util.progress import say


def place(study: Study, threads: int | None = None) -> str:
    """The device, with the number of ``threads`` on a CPU (those of this process unless given)."""
    if study.device.type == "cuda":
        return torch.cuda.get_device_name(study.device)
    threads = threads or torch.get_num_threads()
    return f"{study.device.type}, {threads} thread{'s' if threads > 1 else ''}"


_told: set[str] = set()


def tell_data(study: Study) -> None:
    """Say what was read, once per process and data set: every stage that works with the data does."""
    if study.data.hash not in _told:
        _told.add(study.data.hash)
        say("\n".join(study.data.description))


def data_in_words(study: Study) -> str:
    """Space and data with the sizes of the splits."""
    splits = ", ".join(f"{size:,} {name}" for name, size in study.data.sizes.items())
    return f"{study.cfg.space.name} on {study.cfg.data.name} ({splits} images)"
