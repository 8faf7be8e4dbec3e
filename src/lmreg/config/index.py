"""The index of all options, ``conf/options.json``: what their dataclasses declare, to be read without torch.

``python scripts/conf.py`` writes it. It has nothing about classes of other packages.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmreg.config.groups import GROUPS
from lmreg.config.paths import WRITE_CONF, conf_dir
from lmreg.config.schema import Text
from lmreg.errors import LmregError


@dataclass(frozen=True)
class Field:
    """What a dataclass declares of an option, see `lmreg.config.schema.option`; the default as in yaml."""

    type: str
    default: str
    help: str = ""
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] | None = None
    text: Text | None = None

    @property
    def range(self) -> str:
        """The valid values in words; empty if there is no limit."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.min is not None and self.max is not None:
            return f"{self.min} to {self.max}"
        if self.min is not None:
            return f"at least {self.min}"
        return f"at most {self.max}" if self.max is not None else ""


Fields = Mapping[str, Field]


@dataclass(frozen=True)
class Choice:
    """A choice of a group: the class that it builds, or None, and that class's documentation in one line;
    ``content`` is its options with their defaults, None if a yaml file has them."""

    target: str | None
    summary: str
    fields: Fields
    content: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Index:
    """All options, and what they mean for results.

    Attributes:
        choices: by group and choice; `lmreg.config.overrides` adds classes of the user's own.
        commands: the options of each command that belong to no group, by the name of its yaml file; those of
            a block have dotted names.
        no_result: the dotted keys of options, and the groups, on which no result depends.
        once_result: those among them that an earlier lmreg took for a part of the result.
        named: options whose value the study's name, or the run's beside its options, tells.
        before: by option, what runs did before the option existed.
    """

    choices: dict[tuple[str, str], Choice]
    commands: Mapping[str, Fields]
    no_result: frozenset[str]
    once_result: frozenset[str]
    named: frozenset[str]
    before: Mapping[str, Any]

    def node_fields(self, key: str, target: str | None) -> Fields:
        """The options of the node ``key`` of a config: a group's that builds ``target``, or a block's.

        Empty for a class that isn't lmreg's.
        """
        for (group, _), choice in self.choices.items():
            if choice.target == target and (target or group == key):
                return choice.fields
        start = f"{key}."
        fields = {name: field for fields in self.commands.values() for name, field in fields.items()}
        return {name[len(start) :]: f for name, f in fields.items() if not target and name.startswith(start)}


@functools.cache
def index() -> Index:
    """Return the index that ``conf/options.json`` holds; LmregError if it can't be read."""
    path = conf_dir() / "options.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LmregError(f"can't read {path} ({error}); {WRITE_CONF}") from error
    choices: dict[tuple[str, str], Choice] = {}
    commands: dict[str, Fields] = {}
    declared: list[tuple[str, dict[str, Any]]] = []
    for command, options in content["commands"].items():
        commands[command] = {key: field_from(about) for key, about in options.items()}
        declared += options.items()
    for group, names in content["groups"].items():
        for name, about in names.items():
            fields = {key: field_from(option) for key, option in about["options"].items()}
            choices[group, name] = Choice(about["class"], about["summary"], fields)
            declared += [(f"{group}.{key}", option) for key, option in about["options"].items()]
    return Index(
        choices,
        commands,
        frozenset({key for key, about in declared if about.get("result", True) is not True})
        | {name for name, group in GROUPS.items() if not group.result},
        frozenset(key for key, about in declared if about.get("result") == "once"),
        frozenset({key for key, about in declared if not about.get("named", True)})
        | {f"{name}.name" for name, group in GROUPS.items() if group.named_by == "run"},
        {key: about["before"] for key, about in declared if "before" in about},
    )


def field_from(about: Mapping[str, Any]) -> Field:
    """Return the declaration of an option from what a dataclass or the index has of it."""
    known = {key: value for key, value in about.items() if key in Field.__dataclass_fields__}
    if known.get("choices") is not None:
        known["choices"] = tuple(known["choices"])
    return Field(**known)
