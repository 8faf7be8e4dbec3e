"""What a search is called, and so where it lies: by its values, however they were spelt."""

from __future__ import annotations

import contextlib
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


def telling_overrides(command: str, cfg: DictConfig, overrides: Sequence[str]) -> list[str]:
    """What of ``cfg`` isn't ``command``'s default, as overrides in one spelling, sorted: but for what the
    study's name, the algorithm, the regulariser and the seed tell, and what the result doesn't depend on.

    Args:
        overrides: those that ``cfg`` was composed with; they only matter for classes that are no choices.
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
    """``command``'s config where nothing is given but the choices of ``cfg``, resolved; and these choices,
    None of a class that is no choice of its group.
    """
    usual, asked = catalogue.groups(command), catalogue.chosen(command, overrides)
    choices: dict[str, str | None] = {}
    default = catalogue.top_content(command)
    for group in usual:
        told_by = "_target_" if "_target_" in cfg[group] else "name"
        mine = cfg[group].get(told_by)
        same = [c for c in catalogue.choices(group) if catalogue.content(group, c).get(told_by) == mine]
        nearest = [c for c in (asked[group][0], usual[group], *same) if c in same]
        choices[group] = nearest[0] if nearest else None
        default[group] = catalogue.content(group, choices[group] or asked[group][0])
    # What depends on other values, such as the name of a data set on its path, depends on those of `cfg`.
    beside = cfg.copy()
    depends = [key for key, value in dotted(default).items() if "${" in str(value)]
    for key in depends:
        OmegaConf.update(beside, key, dotted(default)[key])
    config = OmegaConf.create(default)
    for key in depends:
        OmegaConf.update(config, key, OmegaConf.select(beside, key))
    return config, choices


def run_name(cfg: DictConfig, overrides: Sequence[str]) -> str:
    """``<algo>-<reg>-<what isn't the default>-s<seed>``, safe as a folder's name."""
    config = result_config(cfg)
    others = in_file_name(telling_overrides("search", cfg, overrides))
    return "-".join(
        filter(None, [config["algo"]["name"], config["reg"]["name"], others, f"s{config['seed']}"])
    )


def in_file_name(parts: Sequence[str]) -> str:
    """All of them, joined by dashes, safe as a part of a folder's name."""
    joined = "-".join(re.sub(r"[^\w.=+-]+", "_", part) for part in parts)
    if len(joined) > _LONGEST_NAME:
        joined = f"{joined[:_LONGEST_NAME]}-{digest(joined.encode())[:8]}"
    return joined


def run_folder(cfg: DictConfig, overrides: Sequence[str], study_folder: Path | None = None) -> Path:
    """Where the search of ``cfg``, composed with ``overrides``, lies: in its study's folder."""
    searches = (study_folder or Path(str(cfg.root)) / str(cfg.study)) / "search"
    config = result_config(settled(cfg))

    def same(there: dict[str, Any]) -> bool:
        # Whatever landmarks it had, and however its budget counted: that these differ is told then.
        besides = ("landmarks_hash", "paths_per_step")
        return {k: v for k, v in result_config(there).items() if k not in besides} == config

    return with_config(searches / run_name(cfg, overrides), "*", same)


def with_config(folder: Path, pattern: str, same: Callable[[dict[str, Any]], bool]) -> Path:
    """``folder``; or where it has no ``config.yaml``, the folder beside it that fits ``pattern`` and has the
    ``same``: an earlier lmreg named folders after overrides as they were spelt.
    """
    if (folder / "config.yaml").exists():
        return folder
    found = [p.parent for p in sorted(folder.parent.glob(f"{pattern}/config.yaml")) if same(_content(p))]
    finished = [p for p in found if (p / "result.json").exists()]
    return next(iter([*finished, *found]), folder)


def _content(path: Path) -> dict[str, Any]:
    """What a ``config.yaml`` has; nothing where it can't be read, which is told when it is needed."""
    with contextlib.suppress(OSError):
        return _read(path, path.stat().st_mtime_ns)
    return {}


@functools.cache
def _read(path: Path, changed: int) -> dict[str, Any]:
    """The content of a file that was ``changed`` then: a sweep looks at the same ones for each job."""
    return peek_config(path)
