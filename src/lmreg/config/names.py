"""Names that a config takes from where the data is: ``${last_part:${.path},folder}``."""

from __future__ import annotations

import os
import re
from pathlib import Path

from omegaconf import OmegaConf


def last_part(*places: str | None) -> str:
    """The last part of the first path or hub name that is given, safe as a part of a folder's name."""
    place = next((str(place) for place in places if place), "")
    # The same for a relative path, ~ and the absolute path it means.
    name = Path(os.path.abspath(Path(place).expanduser())).name  # noqa: PTH100 (resolve follows links)
    return re.sub(r"[^\w.+-]+", "_", name) or "data"


OmegaConf.register_new_resolver("last_part", last_part, replace=True)
