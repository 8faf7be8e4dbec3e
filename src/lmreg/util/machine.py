"""What this machine has to offer."""

from __future__ import annotations

import io
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lmreg.errors import LmregError


def usable_cores() -> int:
    """Cores that this process may use: its affinity and its container's quota, not the whole machine."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no container, or one without a quota
        return cores


def memory() -> int | None:
    """Bytes of memory that this process may fill: the machine's, or its container's if less; None where this
    can't be told."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not a Unix
        return None
    try:
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):  # no container, or one without a limit
        return total


def check_memory(count: int, shape: Sequence[int], place: str) -> None:
    """Nothing where so many arrays of bytes, [height, width, ...], may fit into memory.

    Raises:
        LmregError: they are more than all of it.
    """
    needed, there = count * math.prod(shape), memory()
    if there is not None and needed > there:
        raise LmregError(
            f"{place}: {count:,} images of {shape[1]}x{shape[0]} pixels take {needed / 2**30:,.0f} GiB, but "
            f"this machine has {there / 2**30:,.1f} GiB of memory; pass a smaller data.resolution"
        )


def replace_what_cannot_be_shown() -> None:
    """From now on, the output has ? for what its encoding lacks, such as λ in Latin-1."""
    out = sys.stdout
    # Python writes UTF-8 in the C locale, and names that aren't any as they are: that may stay so.
    if isinstance(out, io.TextIOWrapper) and (out.errors == "strict" or out.encoding.lower() != "utf-8"):
        out.reconfigure(errors="replace")
