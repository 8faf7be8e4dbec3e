"""The identity of a result: the part of a config that determines it, its hash, differences between two."""

from __future__ import annotations

import json
from collections.abc import Set
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from lmreg.config.catalogue import YAML_LOADER
from lmreg.config.index import index
from lmreg.config.renamed import in_first_names, take_todays_names
from lmreg.config.values import canonical_config, plain, resolved, shown
from lmreg.errors import LmregError
from lmreg.util.files import digest

SEARCH_KEYS = frozenset({"space", "network", "data", "task", "algo", "reg", "trainer", "scoring", "seed"})


def earlier_values() -> dict[str, Any]:
    """What runs did before an option, or another key of their config, existed, by dotted key.

    A key with that value is not part of what determines a result, so that earlier results keep their hash.
    """
    return {**index().before, "paths_per_step": 1}


def read_config(path: Path, keys: Set[str] = SEARCH_KEYS) -> DictConfig:
    """Read a run's ``config.yaml`` under today's names; LmregError if it is unreadable or lacks ``keys``."""
    try:
        config = OmegaConf.load(path)
    except Exception as error:  # the parser's errors have no common base
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or getattr(error, "strerror", None) or error
        reason = " ".join(str(reason).split())
        raise LmregError(f"{path} can't be read{line}: {reason}; delete {path.parent}") from error
    if not isinstance(config, DictConfig) or not config:
        raise LmregError(f"{path} is not a configuration; delete {path.parent}")
    require_config(config, path, keys)
    take_todays_names(config)
    return config


def peek_config(path: Path) -> dict[str, Any]:
    """Return what a ``config.yaml`` has under today's names; nothing if it can't be read.

    This is for looking through many runs: `read_config` reports the error once the run is needed.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=YAML_LOADER)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    if not isinstance(content, dict):
        return {}
    take_todays_names(content)
    return content


def require_config(config: DictConfig, path: Path, keys: Set[str] = SEARCH_KEYS) -> None:
    """Check that ``config``, which was read from ``path``, has ``keys``; LmregError if it lacks one."""
    if lacks := sorted(keys - set(config)):
        raise LmregError(f"{path} lacks {lacks[0]} (torn?); delete {path.parent}")


def is_of_retraining(config: DictConfig) -> bool:
    """Return whether a config is a retraining's; otherwise it is a search's."""
    return "label_smoothing" in config


def result_config(cfg: DictConfig | dict[str, Any]) -> dict[str, Any]:
    """Return the part of a config that determines results, resolved and with values in one spelling."""
    return _result_part(plain(canonical_config(resolved(cfg))), index().no_result)


def earlier_hashes(cfg: DictConfig) -> set[str]:
    """Return the `config_hash` values that earlier versions gave a run with this ``config.yaml``."""
    return {config_hash(_result_part(plain(cfg), index().no_result - index().once_result))}


def _result_part(config: dict[str, Any], without: Set[str], prefix: str = "") -> dict[str, Any]:
    """Return ``config`` without the keys in ``without`` and without values that earlier versions implied."""
    part, earlier = {}, earlier_values()
    for name, value in config.items():
        key = f"{prefix}{name}"
        if key in without or (key in earlier and value == earlier[key]):
            continue
        inside = _result_part(value, without, f"{key}.") if isinstance(value, dict) else value
        if inside != {} or value == {}:  # a group of which nothing is left says nothing
            part[name] = inside
    if prefix:
        return part
    landmarks, scoring = (part.get(key) for key in ("landmarks", "scoring"))
    if isinstance(scoring, dict) and scoring.get("by") != "predictor":
        part.pop("proxies", None)  # only a predictor looks at them
    if isinstance(landmarks, dict) and landmarks.get("rounds") == 1:
        del part["landmarks"]  # one round adds no landmarks: it is the search of versions without rounds
    return part


def supernet_config(config: dict[str, Any], uses_scores: bool) -> dict[str, Any]:
    """Return the part of a `result_config` that determines the trained super-net.

    The search strategy and the scoring of sub-nets belong to it only if the training itself searches or
    scores; ``uses_scores`` says whether the algorithm looks at the scores of sub-nets while it trains.
    """
    searches = "landmarks" in config  # in rounds
    without = set() if searches else {"strategy", "proxies"}
    without |= set() if searches or uses_scores else {"scoring"}
    return {key: value for key, value in config.items() if key not in without}


def config_hash(config: dict[str, Any]) -> str:
    """Return 16 hexadecimal digits that change when the config does."""
    return digest(json.dumps(in_first_names(config), sort_keys=True).encode())


def differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """Return ``key: old -> new`` for every value that differs."""
    lines = []
    for key in sorted(old.keys() | new.keys()):
        a, b = (config.get(key, earlier_values().get(f"{prefix}{key}")) for config in (old, new))
        inside = _by_index(a), _by_index(b)
        if isinstance(inside[0], dict) and isinstance(inside[1], dict):
            lines += differences(*inside, f"{prefix}{key}.")
        elif a != b:
            lines.append(f"{prefix}{key}: {shown(a)} -> {shown(b)}")
    return lines


def _by_index(value: Any) -> Any:
    """Turn a list of mappings into a mapping by index, so that differences are named by their place."""
    nested = isinstance(value, list) and any(isinstance(item, dict) for item in value)
    return {str(index): item for index, item in enumerate(value)} if nested else value


def refuse_changes(folder: Path, holds: str, changed: list[str], remedy: str = "study=<new name>") -> None:
    """Refuse to write to a folder that holds something else, if anything has ``changed``.

    Args:
        holds: what the folder holds, for the message.
        remedy: the option that puts the new results elsewhere.
    """
    if changed:
        raise LmregError(
            f"{folder} holds {holds} ({'; '.join(changed)}); pass {remedy}, or delete that folder"
        )
