"""Names and folders of runs, made from the values of their options, however these were written."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from lmreg.config import catalogue
from lmreg.config.build import dotted
from lmreg.config.groups import GROUPS
from lmreg.config.identity import earlier_values, peek_config, result_config
from lmreg.config.index import index
from lmreg.config.values import settled, written
from lmreg.util.files import digest

_LONGEST_NAME = 150  # file systems end at 255 bytes, and file names are made from it


def shown_overrides(command: str, cfg: DictConfig, overrides: Sequence[str]) -> list[str]:
    """Return the values of ``cfg`` that differ from the defaults of ``command``, as sorted overrides in one
    spelling.

    Left out are the algorithm, the regulariser, the seed, what the study's name contains, and options that
    don't affect the result. The ``overrides`` that ``cfg`` was composed with matter only for classes that no
    choice names.
    """
    cfg = settled(cfg)
    default, choices = default_config(command, cfg, overrides)
    usual = catalogue.groups(command)
    follows = usual | {"network": choices.get("space")}
    found = changed_values(result_config(cfg), result_config(default))
    for group, choice in choices.items():
        if choice is None and "_target_" in cfg[group]:
            found.append(f"{group}._target_={cfg[group]._target_}")
        elif choice not in (None, follows[group]) and GROUPS[group].named_by is None:
            found.append(f"{group}={choice}")
    return sorted(found)


def changed_values(config: Mapping[str, Any], default: Mapping[str, Any]) -> list[str]:
    """The values of ``config`` that ``default`` hasn't, as overrides in one spelling, sorted."""
    mine, usual, missing, earlier = dotted(config), dotted(default), object(), earlier_values()
    changed = [key for key in mine if mine[key] != usual.get(key, missing)]
    shown = [key for key in changed if key not in index().named and not key.endswith("._target_")]
    gone = [
        f"{key}={written(earlier[key])}" if key in earlier else f"~{key}"
        for key in usual.keys() - mine.keys()
        if key not in index().named
    ]
    return sorted([*gone, *(f"{key}={written(mine[key])}" for key in shown)])


def default_config(
    command: str, cfg: DictConfig, overrides: Sequence[str]
) -> tuple[DictConfig, dict[str, str | None]]:
    """Return the default config of ``command`` for the choices of ``cfg``, resolved, and these choices by
    group: None for a class that no choice names.
    """
    usual, asked = catalogue.groups(command), catalogue.chosen(command, overrides)
    choices: dict[str, str | None] = {}
    default = catalogue.top_content(command)
    for group in usual:
        key = "_target_" if "_target_" in cfg[group] else "name"
        mine = cfg[group].get(key)
        same = [c for c in catalogue.choices(group) if catalogue.content(group, c).get(key) == mine]
        nearest = [c for c in (asked[group][0], usual[group], *same) if c in same]
        choices[group] = nearest[0] if nearest else None
        default[group] = catalogue.content(group, choices[group] or asked[group][0])
    # Defaults that refer to other values, such as a data set's name to its path, refer to those of `cfg`.
    beside, config = cfg.copy(), OmegaConf.create(default)
    depends = {key: value for key, value in dotted(default).items() if "${" in str(value)}
    for key, value in depends.items():
        OmegaConf.update(beside, key, value)
    for key in depends:
        OmegaConf.update(config, key, OmegaConf.select(beside, key))
    return config, choices


def run_name(config: Mapping[str, Any], shown: Sequence[str]) -> str:
    """Return ``<algo>-<reg>-<shown overrides>-s<seed>``, safe as a folder's name, for a `result_config`."""
    # A class by its name, and a hash that tells it from namesakes elsewhere.
    own = re.compile(r"\._target_=(.*\.)?(\w+)$")
    shown = [own.sub(lambda at: f"={at[2]}-{digest(at[0].encode())[:8]}", override) for override in shown]
    parts = (config["algo"]["name"], config["reg"]["name"], in_file_name(shown), f"s{config['seed']}")
    return "-".join(filter(None, parts))


def in_file_name(parts: Sequence[str]) -> str:
    """Join the parts by dashes, safe as a part of a folder's name."""
    joined = "-".join(re.sub(r"[^\w.=+-]+", "_", part) for part in parts)
    if len(joined) > _LONGEST_NAME:
        joined = f"{joined[:_LONGEST_NAME]}-{digest(joined.encode())[:8]}"
    return joined


def run_folder(cfg: DictConfig, shown: Sequence[str], study_folder: Path | None = None) -> Path:
    """Return the folder of the search of ``cfg``, given its `shown_overrides`."""
    searches = (study_folder or Path(str(cfg.root)) / str(cfg.study)) / "search"
    config = result_config(settled(cfg))

    def same(there: dict[str, Any]) -> bool:
        # Other landmarks, or a budget that counted steps, are refused when the run is resumed.
        besides = ("landmarks_hash", "paths_per_step")
        return {k: v for k, v in result_config(there).items() if k not in besides} == config

    return with_config(searches / run_name(config, shown), "*", same)


def with_config(folder: Path, pattern: str, same: Callable[[dict[str, Any]], bool]) -> Path:
    """Return ``folder``, or, if it has no ``config.yaml``, a folder beside it that matches ``pattern`` and
    has the ``same`` config: earlier versions of lmreg named folders after overrides as they were written.
    """
    if (folder / "config.yaml").exists():
        return folder
    found = [
        p.parent
        for p in sorted(folder.parent.glob(f"{pattern}/config.yaml"))
        if same(_read(p, p.stat().st_mtime_ns))
    ]
    finished = [p for p in found if (p / "result.json").exists()]
    return next(iter([*finished, *found]), folder)


@functools.cache
def _read(path: Path, changed: int) -> dict[str, Any]:
    """Return the content of a file last ``changed`` then: a sweep looks at the same files for each job."""
    return peek_config(path)
