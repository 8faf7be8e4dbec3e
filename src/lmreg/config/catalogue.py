"""What there is to say on a command line: config groups, their choices, their options.

Read from ``conf/`` itself, without Hydra and torch: completion and help must be quick.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lmreg.config.paths import conf_dir
from lmreg.config.source import Field, config_fields, options_fields, summary

# Config of groups that build no class of their own.
SCHEMAS = {
    "trainer": "lmreg.train.optimise.TrainerConfig",
    "scoring": "lmreg.rank.scoring.ScoringConfig",
    "tracking": "lmreg.rank.tracking.TrackingConfig",
}

# Config of a command's own blocks of options, by its key and the block's.
BLOCKS = {("search", "landmarks"): "lmreg.landmarks.rounds.RoundsConfig"}

_NOT_OPTIONS = {"_target_", "name", "defaults", "hydra"}


@dataclass(frozen=True)
class Option:
    """One key of the config: where it is, its default as written, its meaning, its range."""

    key: str
    default: str
    comment: str
    field: Field | None = None

    @property
    def meaning(self) -> str:
        """One line: the yaml's comment, else what the schema says."""
        return self.comment or (self.field.help if self.field else "")

    @property
    def values(self) -> list[str]:
        """The values it may take, where they are few."""
        field = self.field
        found = list(field.choices or []) if field else []
        if self.default in ("true", "false") or (field and field.type.startswith("bool")):
            found += ["true", "false"]
        return found


def commands() -> list[str]:
    """Names of the commands that take overrides, as the command line has them."""
    return sorted(p.stem.replace("_", "-") for p in conf_dir().glob("*.yaml") if p.stem != "common")


def choices(group: str) -> list[str]:
    """The choices of a config group."""
    return sorted(p.stem for p in (conf_dir() / group).glob("*.yaml"))


def choice_summary(group: str, choice: str) -> str:
    """What a choice's class says of itself, in one line."""
    return summary(str(_content(conf_dir() / group / f"{choice}.yaml").get("_target_", "")))


def groups(command: str) -> dict[str, str]:
    """The config groups of a command, each with its default choice, in the order of its yaml."""
    return {group: names[0] for group, names in chosen(command, ()).items()}


def _defaults(command: str) -> dict[str, str]:
    """The default choice of each group as written: a name, or ``${group}`` for that group's choice."""
    found = {}
    for entry in _content(_yaml(command)).get("defaults", []):
        if isinstance(entry, dict):
            ((group, choice),) = entry.items()
            if "/" not in group and not group.startswith("override"):
                found[group] = choice
    return found


def chosen(command: str, overrides: Iterable[str]) -> dict[str, list[str]]:
    """The choices of each group under ``overrides``; several in a sweep. Unknown ones are left out."""
    found = {group: [choice] for group, choice in _defaults(command).items()}
    for override in overrides:
        group, is_given, value = override.lstrip("+~").partition("=")
        if is_given and group in found:
            known = [part for part in value.split(",") if part in choices(group)]
            found[group] = known or found[group]
    return {group: found[names[0][2:-1]] if names[0][:2] == "${" else names for group, names in found.items()}


def top_content(command: str) -> dict[str, Any]:
    """A command's options that belong to no group, with their defaults, interpolations as they stand."""
    found = {k: v for path in _top_files(command) for k, v in _content(path).items()}
    return copy.deepcopy({key: value for key, value in found.items() if key not in ("defaults", "hydra")})


def content(group: str, choice: str) -> dict[str, Any]:
    """The options of one choice of a group, with their defaults, interpolations as they stand."""
    return copy.deepcopy(_content(conf_dir() / group / f"{choice}.yaml"))


def _top_files(command: str) -> list[Path]:
    """The yaml of what all commands share, where it's included, and the command's own."""
    entries = [
        e for e in _content(_yaml(command)).get("defaults", []) if isinstance(e, str) and e != "_self_"
    ]
    return [*(conf_dir() / f"{entry}.yaml" for entry in entries), _yaml(command)]


def top_options(command: str) -> list[Option]:
    """The options of a command that belong to no group."""
    found = {o.key: o for path in _top_files(command) for o in _options(path)}
    fields = dict(options_fields(command))
    for (owner, block), schema in BLOCKS.items():
        if owner == command.replace("_", "-"):
            inside = config_fields(schema, of_class=False)
            fields |= {f"{block}.{name}": field for name, field in inside.items()}
    return [Option(o.key, o.default, o.comment, fields.get(o.key)) for o in found.values()]


def group_options(group: str, choice: str) -> list[Option]:
    """The options of one choice of a group, their keys with the group's name."""
    path = conf_dir() / group / f"{choice}.yaml"
    target = _content(path).get("_target_")
    fields = config_fields(str(target or SCHEMAS.get(group, "")), of_class=target is not None)
    return [Option(f"{group}.{o.key}", o.default, o.comment, fields.get(o.key)) for o in _options(path)]


def options(command: str, overrides: Iterable[str] = ()) -> list[Option]:
    """All options of a command under the choices in ``overrides``; in a sweep those all choices have."""
    found = top_options(command)
    for group, names in chosen(command, overrides).items():
        first, *others = [{o.key: o for o in group_options(group, name)} for name in names]
        found += [o for key, o in first.items() if all(key in other for other in others)]
    return found


def field_of(command: str, key: str) -> Field | None:
    """What is declared of the option ``key``, of whichever choice that has it; None of what is unknown."""
    group, dot, _ = key.partition(".")
    places = [group_options(group, c) for c in choices(group)] if dot and group in groups(command) else []
    return next((o.field for some in [*places, top_options(command)] for o in some if o.key == key), None)


def owners(key: str) -> list[str]:
    """The choices, as ``group=choice``, that have the option ``key``."""
    group = key.partition(".")[0]
    return [f"{group}={c}" for c in choices(group) if key in (o.key for o in group_options(group, c))]


def _yaml(command: str) -> Path:
    return conf_dir() / f"{command.replace('-', '_')}.yaml"


@functools.cache
def _content(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader) or {}


@functools.cache
def _options(path: Path) -> tuple[Option, ...]:
    text = path.read_text(encoding="utf-8")
    root = yaml.compose(text, Loader=_Loader)
    return tuple(_of_mapping(root, text, "")) if isinstance(root, yaml.MappingNode) else ()


def _of_mapping(node: yaml.MappingNode, text: str, prefix: str) -> Iterator[Option]:
    lines = text.splitlines()
    for key, value in node.value:
        if not prefix and key.value in _NOT_OPTIONS:
            continue
        if isinstance(value, yaml.MappingNode) and value.value:
            yield from _of_mapping(value, text, f"{prefix}{key.value}.")
            continue
        written = text[value.start_mark.index : value.end_mark.index].strip()
        yield Option(f"{prefix}{key.value}", written, _comment(lines, value.end_mark))


def _comment(lines: list[str], after: yaml.Mark) -> str:
    """The comment behind a value, with the lines that go on below its start."""
    line = lines[after.line] if after.line < len(lines) else ""
    if not line[after.column :].lstrip().startswith("#"):
        return ""
    column = line.index("#", after.column)
    parts = [line]
    for more in lines[after.line + 1 :]:
        if more[:column].strip() or not more[column:].startswith("#"):
            break
        parts.append(more)
    return " ".join(part[column:].lstrip("# ").strip() for part in parts)


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
