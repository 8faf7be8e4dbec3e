"""Names that have changed. Old ones are still read from command lines and from the folders of earlier runs.

Configs are compared under today's names but hashed under the first ones, so that the results of earlier
versions keep their hash and their folder.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

GROUPS = {"kind": "benchmark"}
"""Today's config group by the old one."""
CHOICES = {"algo": {"randomnas": "spos_unique"}}
"""By config group, today's choice by the old one."""
OPTIONS = {"strategy.count": "strategy.budget"}
"""Today's option by the old one."""

_CLASSES = {
    "lmreg.algo.randomnas.RandomNAS": "lmreg.algo.spos_unique.SPOSUnique",
    "lmreg.network.custom.Network": "lmreg.network.custom.CustomNetwork",
    "lmreg.network.darts.Network": "lmreg.network.darts.DARTSNetwork",
    "lmreg.network.depth_decoder.Network": "lmreg.network.depth_decoder.DepthDecoderNetwork",
    "lmreg.network.macro.Network": "lmreg.network.macro.NASBenchMacroNetwork",
    "lmreg.network.mbconv.Network": "lmreg.network.mbconv.MBConvNetwork",
    "lmreg.network.nasbench101.Network": "lmreg.network.nasbench101.NASBench101Network",
    "lmreg.network.nasbench201.Network": "lmreg.network.nasbench201.NASBench201Network",
    "lmreg.network.nds.Network": "lmreg.network.nds.NDSNetwork",
    "lmreg.space.custom.Custom": "lmreg.space.custom.CustomSpace",
    "lmreg.space.darts.DARTS": "lmreg.space.darts.DARTSSpace",
}
"""Classes that a ``_target_`` may name: old to today's."""
# Options by the class that had them under the old name.
_FIELDS = {"lmreg.strategy.random.RandomSearch": {"count": "budget"}}


def with_todays_names(args: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the words of a command line under today's names, and a note for every old name among them."""
    words, notes = [], []
    for arg in args:
        flags, key, equals, value = re.match(r"([+~]*)([^=]*)(=?)(.*)", arg, re.S).groups()  # type: ignore[union-attr]
        renamed = _CLASSES if key.endswith("._target_") else CHOICES.get(key, {})
        for old, new in renamed.items():
            value, count = re.subn(rf"(?<![\w.-]){re.escape(old)}(?![\w.-])", new, value)
            if count:
                notes.append(f"{key}={old} is an alias of {key}={new}")
        group, dot, option = key.partition(".")
        today = OPTIONS.get(key, f"{GROUPS.get(group, group)}{dot}{option}")
        if key != today:
            notes.append(f"{key} is an alias of {today}")
        words.append(f"{flags}{today}{equals}{value}")
    return words, list(dict.fromkeys(notes))


def take_todays_names(config: MutableMapping[Any, Any]) -> None:
    """Rename what has old names in ``config``, which an earlier version wrote, in place."""
    for group, part in config.items():
        if isinstance(part, MutableMapping):
            target = part.get("_target_")
            if target in _CLASSES:
                part["_target_"] = _CLASSES[target]
                _rename_choice(part, CHOICES.get(str(group), {}))
            for old, new in _FIELDS.get(str(target), {}).items():
                if old in part:
                    part[new] = part.pop(old)


def in_first_names(config: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of ``config`` with the names that its parts had first."""
    config = copy.deepcopy(config)
    classes = {new: old for old, new in _CLASSES.items()}
    for group, part in config.items():
        if isinstance(part, dict):
            target = part.get("_target_")
            for old, new in _FIELDS.get(str(target), {}).items():
                if new in part:
                    part[old] = part.pop(new)
            if target in classes:
                part["_target_"] = classes[target]
                _rename_choice(part, {new: old for old, new in CHOICES.get(group, {}).items()})
    return config


def _rename_choice(part: MutableMapping[Any, Any], names: Mapping[str, str]) -> None:
    if "name" in part:
        part["name"] = names.get(part["name"], part["name"])
