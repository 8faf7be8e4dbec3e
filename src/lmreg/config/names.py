"""Names that a config takes from where the data is: ``${last_part:${.path},folder}``."""

from __future__ import annotations

import os
import re
from pathlib import Path

from omegaconf import OmegaConf


def last_part(*places: str | None) -> str:
    """The last part of the first path or hub name that is given, safe as a part of a folder's name."""
    place = next((str(place) for place in places if place), "")
    return re.sub(r"[^\w.+-]+", "_", Path(absolute(place)).name) or "data"


def absolute(path: str) -> str:
    """The absolute path that a relative one or one with ~ means now, links left as they are."""
    # Not pathlib's: its expanduser fails where there is no such user, its resolve follows links.
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111


def stem(path: str | None, otherwise: str) -> str:
    """The name of a file without its ending, safe as a part of a folder's name; ``otherwise`` of no file."""
    return otherwise if path is None else last_part(Path(path).stem)


OmegaConf.register_new_resolver("stem", stem, replace=True)
OmegaConf.register_new_resolver("last_part", last_part, replace=True)
