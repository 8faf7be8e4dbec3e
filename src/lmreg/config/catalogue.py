"""What a command line can have: config groups, their choices, their options.

All is read from ``conf/``, without Hydra and torch, because completion and help must be quick.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lmreg.config.index import Field, index
from lmreg.config.paths import conf_dir

YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOT_OPTIONS = {"_target_", "name", "defaults", "hydra"}


@dataclass(frozen=True)
class Option:
    """One key of the config, its default as the yaml file has it, and what is declared of it."""

    key: str
    default: str
    field: Field | None = None

    @property
    def meaning(self) -> str:
        """What the option means, in one line."""
        return self.field.help if self.field else ""

    @property
    def values(self) -> list[str]:
        """The valid values, if they are few."""
        field = self.field
        found = list(field.choices or []) if field else []
        if self.default in ("true", "false") or (field and field.type.startswith("bool")):
            found += ["true", "false"]
        return found


def commands() -> list[str]:
    """Return the names of the commands that take overrides, as on the command line."""
    return sorted(p.stem.replace("_", "-") for p in conf_dir().glob("*.yaml") if p.stem != "common")


def choices(group: str) -> list[str]:
    """Return the names of a config group's choices."""
    return sorted(p.stem for p in (conf_dir() / group).glob("*.yaml"))


def is_choice(group: str, name: str) -> bool:
    """Return whether a config group has the choice ``name``, which may be a class of the user's own."""
    return name in choices(group) or (group, name) in index().choices


def choice_summary(group: str, choice: str) -> str:
    """Return the first line of the documentation of a choice's class."""
    declared = index().choices.get((group, choice))
    return declared.summary if declared else ""


def groups(command: str) -> dict[str, str]:
    """Return the config groups of a command with their default choices, in the order of its yaml file."""
    return {group: names[0] for group, names in chosen(command, ()).items()}


def _defaults(command: str) -> dict[str, str]:
    """Return the default choice of each group as written: a name, or ``${group}`` for that group's choice."""
    found = {}
    for entry in _content(_yaml(command)).get("defaults", []):
        if isinstance(entry, dict):
            ((group, choice),) = entry.items()
            if "/" not in group and not group.startswith("override"):
                found[group] = choice
    return found


def chosen(command: str, overrides: Iterable[str]) -> dict[str, list[str]]:
    """Return the choices of each group under ``overrides``, several in a sweep, without unknown ones."""
    found = {group: [choice] for group, choice in _defaults(command).items()}
    for override in overrides:
        group, is_given, value = override.lstrip("+~").partition("=")
        if is_given and group in found:
            known = [choice for choice in value.split(",") if is_choice(group, choice)]
            found[group] = known or found[group]
    return {group: found[names[0][2:-1]] if names[0][:2] == "${" else names for group, names in found.items()}


def key_of(override: str) -> str:
    """Return the option or group that an override sets, such as ``seed`` for ``seed=1`` and ``+seed=1``."""
    return override.lstrip("+~").partition("=")[0]


def top_content(command: str) -> dict[str, Any]:
    """Return a command's options that belong to no group with their defaults, interpolations unresolved."""
    entries = _content(_yaml(command)).get("defaults", [])
    shared = [conf_dir() / "common.yaml"] if "common" in entries else []
    found = {k: v for path in (*shared, _yaml(command)) for k, v in _content(path).items()}
    return copy.deepcopy({key: value for key, value in found.items() if key not in ("defaults", "hydra")})


def content(group: str, choice: str) -> dict[str, Any]:
    """Return the options of one choice of a group with their defaults, interpolations unresolved."""
    declared = index().choices.get((group, choice))
    own = declared.content if declared else None
    return copy.deepcopy(dict(own or _content(conf_dir() / group / f"{choice}.yaml")))


def top_options(command: str) -> list[Option]:
    """Return the options of a command that belong to no group."""
    fields = index().commands.get(_yaml(command).stem, {})
    return [Option(key, field.default, field) for key, field in fields.items()]


def group_options(group: str, choice: str) -> list[Option]:
    """Return the options of one choice of a group, with the group's name in their keys."""
    declared = index().choices.get((group, choice))
    if declared is None:  # a yaml file that was written by hand
        inside = {key: json.dumps(value) for key, value in content(group, choice).items()}
        return [Option(f"{group}.{key}", it) for key, it in inside.items() if key not in _NOT_OPTIONS]
    fields = declared.fields.items()
    return [Option(f"{group}.{key}", it.default, it) for key, it in fields if key not in _NOT_OPTIONS]


def options(command: str, overrides: Iterable[str] = ()) -> list[Option]:
    """Return all options of a command under the choices in ``overrides``; in a sweep those of all choices."""
    found = top_options(command)
    for group, names in chosen(command, overrides).items():
        first, *others = [{o.key: o for o in group_options(group, name)} for name in names]
        found += [o for key, o in first.items() if all(key in other for other in others)]
    return found


def field_of(command: str, key: str) -> Field | None:
    """Return the declaration of the option ``key``, of the first choice that has it; None if none has."""
    group, dot, _ = key.partition(".")
    places = [group_options(group, c) for c in choices(group)] if dot and group in groups(command) else []
    return next((o.field for some in [*places, top_options(command)] for o in some if o.key == key), None)


def owners(key: str) -> list[str]:
    """Return the choices, as ``group=choice``, that have the option ``key``."""
    group = key.partition(".")[0]
    return [f"{group}={c}" for c in choices(group) if key in (o.key for o in group_options(group, c))]


def _yaml(command: str) -> Path:
    return conf_dir() / f"{command.replace('-', '_')}.yaml"


@functools.cache
def _content(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=YAML_LOADER) or {}
