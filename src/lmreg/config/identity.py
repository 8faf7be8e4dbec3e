"""What makes a result the one that it is: the part of a config that determines it, its hash, differences."""

from __future__ import annotations

import json
from collections.abc import Set
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from lmreg.config.renamed import in_first_names, take_todays_names
from lmreg.config.values import canonical_config, plain, resolved
from lmreg.errors import LmregError
from lmreg.util.files import digest

# What a result is not a question of: where things lie, on which hardware, how often state is saved or
# looked at.
# (Another device, number of threads or choice of kernels changes the last digits; see `SearchRun` for
# resuming.)
_NOT_HASHED = {
    *("study", "root", "device", "threads", "workers", "checkpoint_seconds", "allow_packages"),
    *("tracking", "tensorboard", "deterministic", "log_every"),
}
_ONCE_HASHED = {"log_every"}
"""What an earlier lmreg took for a part of the result."""


BEFORE_THERE_WAS: dict[str, Any] = {
    "network.affine": True,
    "trainer.paths": None,
    "trainer.untouched": "decay",
    "paths_per_step": 1,
    "data.value_range": None,
}
"""Younger options, each with the value that stands for what was done before there was the option. With that
value they are no part of what determines a result, which so keeps the hash that it had."""

SEARCH_KEYS = frozenset({"space", "network", "data", "task", "algo", "reg", "trainer", "scoring", "seed"})


def read_config(path: Path, keys: Set[str] = SEARCH_KEYS) -> DictConfig:
    """A run's ``config.yaml`` under today's names, which must have ``keys``.

    Raises:
        LmregError: it is missing or unreadable.
    """
    try:
        config = OmegaConf.load(path)
    except Exception as error:  # the parser's errors have no common base
        raise LmregError(f"{path} can't be read ({type(error).__name__}); delete {path.parent}") from error
    if not isinstance(config, DictConfig) or not config:
        raise LmregError(f"{path} is not a configuration; delete {path.parent}")
    require_config(config, path, keys)
    take_todays_names(config)
    return config


def peek_config(path: Path) -> dict[str, Any]:
    """What a ``config.yaml`` has, under today's names; nothing where it can't be read: to be told when the
    run is needed, while others are worth a look."""
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    if not isinstance(content, dict):
        return {}
    take_todays_names(content)
    return content


def require_config(config: DictConfig, path: Path, keys: Set[str] = SEARCH_KEYS) -> None:
    """Nothing if ``config``, which was read from ``path``, has ``keys``.

    Raises:
        LmregError: it lacks one.
    """
    if lacks := sorted(keys - set(config)):
        raise LmregError(f"{path} lacks {lacks[0]} (torn?); delete {path.parent}")


def is_of_retraining(config: DictConfig) -> bool:
    """Whether it is the config of a retraining; else it is that of a search."""
    return "label_smoothing" in config


def result_config(cfg: DictConfig | dict[str, Any]) -> dict[str, Any]:
    """The part of a config that determines results, plain and resolved, its values in one spelling."""
    return _kept(plain(canonical_config(resolved(cfg))), _NOT_HASHED)


def earlier_hashes(cfg: DictConfig) -> set[str]:
    """The `config_hash` that an earlier lmreg gave a run with this ``config.yaml``."""
    return {config_hash(_kept(plain(cfg), _NOT_HASHED - _ONCE_HASHED))}


def _kept(config: dict[str, Any], left_out: set[str]) -> dict[str, Any]:
    kept = {key: value for key, value in config.items() if key not in left_out}
    for part in ("data", "space"):
        if isinstance(kept.get(part), dict):
            # Where something lies says nothing of what it is. The data's content is hashed on its own, a
            # space's is part of the config.
            kept[part] = {key: value for key, value in kept[part].items() if key != "path"}
    if isinstance(kept.get("landmarks"), dict) and kept["landmarks"].get("rounds") == 1:
        del kept["landmarks"]  # nothing is added: the search of an lmreg that knew no rounds
    for key, before in BEFORE_THERE_WAS.items():
        group, _, name = key.rpartition(".")
        inside = kept.get(group) if group else kept
        if isinstance(inside, dict) and inside.get(name) == before:
            inside.pop(name, None)
    return kept


def supernet_config(config: dict[str, Any], uses_scores: bool) -> dict[str, Any]:
    """The part of a `result_config` that determines the trained super-net.

    How the trained super-net is searched and how sub-nets are scored is not a part, unless the training
    itself searches or scores.

    Args:
        uses_scores: whether the algorithm looks at the scores of sub-nets while it trains.
    """
    searches = "landmarks" in config  # in rounds
    without = set() if searches else {"strategy"}
    without |= set() if searches or uses_scores else {"scoring"}
    return {key: value for key, value in config.items() if key not in without}


def config_hash(config: dict[str, Any]) -> str:
    """16 hexadecimal digits that change when the config does."""
    return digest(json.dumps(in_first_names(config), sort_keys=True).encode())


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """``key: old -> new`` for every value that differs."""
    lines = []
    for key in sorted(old.keys() | new.keys()):
        a, b = (config.get(key, BEFORE_THERE_WAS.get(f"{prefix}{key}")) for config in (old, new))
        inside = _by_index(a), _by_index(b)
        if isinstance(inside[0], dict) and isinstance(inside[1], dict):
            lines += differences(*inside, f"{prefix}{key}.")
        elif a != b:
            lines.append(f"{prefix}{key}: {a} -> {b}")
    return lines


def _by_index(value: Any) -> Any:
    """A list of mappings as one mapping, so that a difference is told by its place."""
    nested = isinstance(value, list) and any(isinstance(item, dict) for item in value)
    return {str(index): item for index, item in enumerate(value)} if nested else value


def refuse_changes(folder: Path, holds: str, changed: list[str], remedy: str = "study=<new name>") -> None:
    """Raise if anything has ``changed``.

    Args:
        remedy: the option that puts the new results elsewhere.

    Raises:
        LmregError: what a folder ``holds`` is not what would be put there now.
    """
    if changed:
        raise LmregError(
            f"{folder} holds {holds} ({'; '.join(changed)}); pass {remedy}, or delete that folder"
        )
