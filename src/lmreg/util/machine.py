"""The cores, memory and output encoding of this machine."""

from __future__ import annotations

import io
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lmreg.errors import LmregError


def usable_cores() -> int:
    """Return the number of cores that this process may use, by its affinity and its container's quota."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no container, or one without a quota
        return cores


def openmp_threads() -> int | None:
    """Return the number of threads that the environment asks for by OMP_NUM_THREADS; None if by none."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else None


def usable_memory() -> int | None:
    """Return the bytes of memory of this machine, or of its container if that is less; None if unknown."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not a Unix
        return None
    try:
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):  # no container, or one without a limit
        return total


def check_memory(count: int, shape: Sequence[int], place: str) -> None:
    """Raise LmregError if ``count`` arrays of bytes of shape [height, width, ...] don't fit into memory."""
    needed, available = count * math.prod(shape), usable_memory()
    if available is not None and needed > available:
        raise LmregError(
            f"{place}: {count:,} images of {shape[1]}x{shape[0]} pixels take {needed / 2**30:,.0f} GiB, but "
            f"this machine has {available / 2**30:,.1f} GiB of memory; pass a smaller data.resolution"
        )


def replace_unencodable_output() -> None:
    """From now on, print ? for characters that the output's encoding lacks, such as λ in Latin-1."""
    out = sys.stdout
    # In the C locale, Python prints UTF-8 and escapes undecodable file names, which needn't change.
    if isinstance(out, io.TextIOWrapper) and (out.errors == "strict" or out.encoding.lower() != "utf-8"):
        out.reconfigure(errors="replace")
