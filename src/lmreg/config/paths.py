"""Where the configuration files are."""

from __future__ import annotations

import functools
from pathlib import Path

WRITE_CONF = "run 'python scripts/conf.py'"
"""What brings ``conf/`` up to date after a change of a dataclass."""


@functools.cache
def conf_dir() -> Path:
    """Return the folder ``conf``: in the package of a wheel, at the root of an editable install."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "conf"
    return shipped if shipped.is_dir() else package.parents[1] / "conf"
