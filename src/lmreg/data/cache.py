"""The data set that was loaded last, kept for the next job of a sweep."""

from __future__ import annotations

import json

import torch

from lmreg.data.base import DataSource
from lmreg.data.images import ImageData

_loaded: dict[str, ImageData] = {}


def load_data(source: DataSource, device: torch.device) -> ImageData:
    """Read the data set, unless it is the one that was read last with the same options for that device."""
    key = json.dumps([repr(type(source)), vars(source.config), str(device)])
    if key not in _loaded:
        _loaded.clear()  # only one is kept: data sets can be large
        _loaded[key] = ImageData(source, device)
    return _loaded[key]
