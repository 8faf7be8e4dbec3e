"""Functions that a config's interpolations may call, such as ``${last_part:${.path},folder}``.

They name a data set or a space after the place it is read from, and read a part of a config from a file.
Importing this module registers them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import lmreg
from lmreg.errors import LmregError
from lmreg.util.files import refuse_special_file


def last_part(*places: str | None) -> str:
    """Return the last part of the first path or hub name that is given, made safe for a folder's name."""
    place = next((str(place) for place in places if place), "")
    return re.sub(r"[^\w.+-]+", "_", Path(absolute(place)).name) or "data"


def absolute(path: str) -> str:
    """Return the absolute path that a relative one, or one with ~, means now; links are not followed."""
    # pathlib's expanduser fails if there is no such user, and its resolve follows links.
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111


def stem(path: str | None, otherwise: str) -> str:
    """Return a file's name without its ending, made safe for a folder's name; ``otherwise`` if no file."""
    return otherwise if path is None else last_part(Path(path).stem)


def part_of_file(path: str | None, key: str, otherwise: str) -> Any:
    """Return what the YAML file ``path`` has under its only key; without a path ``otherwise`` is read, which
    is relative to lmreg's package. Raises LmregError if the file can't be read or hasn't exactly that key."""
    file = Path(lmreg.__file__).parent / otherwise if path is None else Path(path).expanduser()
    refuse_special_file(file)
    try:
        node = OmegaConf.load(file)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise LmregError(f"{file}{line}: {' '.join(str(error.problem).split())}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, OmegaConfBaseException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise LmregError(f"can't read {file}: {reason}") from None
    if not isinstance(node, DictConfig) or list(node) != [key]:
        keys = node if isinstance(node, DictConfig) else ()
        raise LmregError(
            f"{file} must have the key '{key}' and no other; it has {', '.join(map(str, keys)) or 'none'}"
        )
    return node[key]


for _resolver in (last_part, stem, part_of_file):
    OmegaConf.register_new_resolver(_resolver.__name__, _resolver, replace=True)
