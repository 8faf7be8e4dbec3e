"""Where the packaged configuration lies."""

from __future__ import annotations

from pathlib import Path


def conf_dir() -> Path:
    """``conf/``: inside the package in a wheel, at the root of the tree in an editable install."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "conf"
    return shipped if shipped.is_dir() else package.parents[1] / "conf"
