"""Names that have changed. Old ones are still read, from command lines and from the folders of earlier runs.

A thing keeps one identity: configs are compared under today's names and hashed under the first ones, so that
what an earlier lmreg has left keeps its hash and its folder.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

CHOICES = {"algo": {"randomnas": "spos_unique"}}
"""By config group: old choice to today's."""
OPTIONS = {"strategy.count": "strategy.budget"}
"""Old option to today's."""

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
    """Words of a command line under today's names, and what there is to say about the old ones."""
    words, notes = [], []
    for arg in args:
        flags, key, equals, value = re.match(r"([+~]*)([^=]*)(=?)(.*)", arg, re.S).groups()  # type: ignore[union-attr]
        for old, new in CHOICES.get(key, {}).items():
            value, count = re.subn(rf"(?<![\w.-]){old}(?![\w.-])", new, value)
            if count:
                notes.append(f"{key}={old} is an alias of {key}={new}")
        if key in OPTIONS:
            notes.append(f"{key} is an alias of {OPTIONS[key]}")
            key = OPTIONS[key]
        words.append(f"{flags}{key}{equals}{value}")
    return words, list(dict.fromkeys(notes))


def take_todays_names(config: MutableMapping[Any, Any]) -> None:
    """Rename within ``config``, as an earlier lmreg has written it."""
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
                part["_target_"] = classes[target]
                _rename_choice(part, {new: old for old, new in CHOICES.get(group, {}).items()})
    return config


def _rename_choice(part: MutableMapping[Any, Any], names: Mapping[str, str]) -> None:
    if "name" in part:
        part["name"] = names.get(part["name"], part["name"])
