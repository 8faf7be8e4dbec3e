"""Names that have changed. Old ones are still read, from command lines and from the folders of earlier runs.

A thing keeps one identity: configs are compared under today's names and hashed under the first ones, so that
what an earlier lmreg has left keeps its hash and its folder.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, MutableMapping
from typing import Any

GROUPS = {"kind": "benchmark"}
"""Old config group to today's."""
CHOICES = {"algo": {"randomnas": "spos_unique"}}
"""By config group: old choice to today's."""
OPTIONS = {"strategy.count": "strategy.budget"}
"""Old option to today's."""

_CLASSES = {"lmreg.algo.randomnas.RandomNAS": "lmreg.algo.spos_unique.SPOSUnique"}
# Options by the class that had them under the old name.
_FIELDS = {"lmreg.strategy.random.RandomSearch": {"count": "budget"}}


def with_todays_names(args: Iterable[str]) -> tuple[list[str], list[str]]:
    """Words of a command line under today's names, and what there is to say about the old ones."""
    words, notes = [], []
    for arg in args:
        flags, key, equals, value = re.match(r"([+~]*)([^=]*)(=?)(.*)", arg, re.S).groups()  # type: ignore[union-attr]
        for old, new in CHOICES.get(key, {}).items():
            value, count = re.subn(rf"(?<![\w.-]){old}(?![\w.-])", new, value)
            if count:
                notes.append(f"{key}={old} is an alias of {key}={new}")
        group, dot, option = key.partition(".")
        today = OPTIONS.get(key, f"{GROUPS.get(group, group)}{dot}{option}")
        if key != today:
            notes.append(f"{key} is an alias of {today}")
        words.append(f"{flags}{today}{equals}{value}")
    return words, list(dict.fromkeys(notes))


def take_todays_names(config: MutableMapping[Any, Any]) -> None:
    """Rename within ``config``, as an earlier lmreg has written it."""
    for group, part in config.items():
        if isinstance(part, MutableMapping):
            target = part.get("_target_")
            if target in _CLASSES:
                part["_target_"] = _CLASSES[target]
                part["name"] = CHOICES[str(group)].get(part["name"], part["name"])
            for old, new in _FIELDS.get(str(target), {}).items():
                if old in part:
                    part[new] = part.pop(old)


def in_first_names(config: dict[str, Any]) -> dict[str, Any]:
    """``config`` as the first lmreg that knew all of it would have written it."""
    config = copy.deepcopy(config)
    classes = {new: old for old, new in _CLASSES.items()}
    for group, part in config.items():
        if isinstance(part, dict):
            target = part.get("_target_")
            for old, new in _FIELDS.get(str(target), {}).items():
                if new in part:
                    part[old] = part.pop(new)
            if target in classes:
                first = {new: old for old, new in CHOICES[group].items()}
                part["_target_"] = classes[target]
                part["name"] = first.get(part["name"], part["name"])
    return config
