"""Parts of a config that lie in a file of the user's, by the resolver ``part_of_file``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import lmreg
from lmreg.errors import LmregError
from lmreg.util.files import refuse_special_file


def part_of_file(path: str | None, key: str, otherwise: str) -> Any:
    """What the YAML file ``path`` has under its only key.

    Args:
        otherwise: the file that is read where no path is given, relative to lmreg's package.

    Raises:
        LmregError: the file can't be read, or hasn't that key alone.
    """
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


OmegaConf.register_new_resolver("part_of_file", part_of_file, replace=True)
