"""What this machine has to offer."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path


def usable_cores() -> int:
    """Cores that this process may use: its affinity and its container's quota, not the whole machine."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no container, or one without a quota
        return cores


def replace_what_cannot_be_shown() -> None:
    """From now on, the output has ? for what its encoding lacks, such as λ in Latin-1."""
    out = sys.stdout
    # Python writes UTF-8 in the C locale, and names that aren't any as they are: that may stay so.
    if isinstance(out, io.TextIOWrapper) and (out.errors == "strict" or out.encoding.lower() != "utf-8"):
        out.reconfigure(errors="replace")
