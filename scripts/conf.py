"""Write the options in `conf/` from their dataclasses. Run it after changing an option, or adding a part.

    python scripts/conf.py            write
    python scripts/conf.py --check    only list the files that would change

It writes the yaml file of every choice of a config group, the options in the commands' yaml files (below the
line that names their dataclass; the lines above are written by hand), and `conf/options.json`, the index of
all options.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import pkgutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import yaml
from omegaconf import OmegaConf

from lmreg.config.build import COMMAND, OPTIONS_OF, options_of, schema_of
from lmreg.config.common import Options
from lmreg.config.groups import GROUPS
from lmreg.config.paths import conf_dir
from lmreg.errors import LmregError

WIDTH = 110
_WIDEST = 34  # a longer key and value doesn't move the comments of the others
_DECLARED = ("help", "min", "max", "choices", "text")

Entry = tuple[str, str]
"""A line of yaml with a key and its value, and the comment after it."""


def written() -> dict[Path, str]:
    """Return the content of every file."""
    files: dict[Path, str] = {}
    groups: dict[str, dict[str, Any]] = {}
    for group in GROUPS:
        groups[group] = {}
        for choice, cls, config in choices_of(group):
            about = {
                "class": cls and _dotted(cls),
                "summary": _summary(cls) if cls else "",
                "options": {f.name: _declared(f, getattr(config, f.name)) for f in _own_first(type(config))},
            }
            groups[group][choice] = about
            files[conf_dir() / group / f"{choice}.yaml"] = _choice_file(about, type(config), config)
        _check_same(group, groups[group])
    commands = {}
    for path in sorted(conf_dir().glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        schema, marker = options_of(path), OPTIONS_OF.search(text)
        assert marker
        shares = "common" in ((yaml.safe_load(text) or {}).get("defaults") or [])
        inherited = {f.name for f in dataclasses.fields(Options)} if shares else set()
        own = [f for f in dataclasses.fields(schema) if f.name not in inherited]
        files[path] = text[: marker.end()] + "".join(_lines(list(_entries(own, schema()))))
        if path.stem != "common":
            commands[path.stem] = dict(_command_options(dataclasses.fields(schema), schema()))
    files[conf_dir() / "options.json"] = _json({"groups": groups, "commands": commands}) + "\n"
    return files


def choices_of(group: str) -> Iterator[tuple[str, type | None, Any]]:
    """Yield the choices of a config group: name, class (None for a group of options), config with the
    defaults.

    A class whose config has an empty name is a base of others, and no choice. LmregError if a module defines
    several parts, or one of another name.
    """
    base = resolve_name(GROUPS[group].base)
    if dataclasses.is_dataclass(base):
        presets = getattr(sys.modules[base.__module__], "PRESETS", None)
        for config in presets or [base()]:
            yield config.name if presets else "default", None, config
        return
    package = importlib.import_module(f"lmreg.{group}")
    for name in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        module = importlib.import_module(f"lmreg.{group}.{name}")
        parts = [
            cls
            for cls in vars(module).values()
            if isinstance(cls, type) and issubclass(cls, base) and cls.__module__ == module.__name__
            if not inspect.isabstract(cls) and "config" in inspect.signature(cls).parameters
        ]
        configs = {cls: schema_of(cls)() for cls in parts}
        configs = {cls: config for cls, config in configs.items() if getattr(config, "name", name)}
        if len(configs) > 1:
            names = " and ".join(cls.__name__ for cls in configs)
            raise LmregError(f"{module.__name__} defines {names}; a module of lmreg.{group} is one choice")
        for cls, config in configs.items():
            if getattr(config, "name", name) != name:
                raise LmregError(
                    f"{module.__name__}: its config's name must be '{name}', not '{config.name}'"
                )
            yield name, cls, config


def _dotted(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _summary(cls: type) -> str:
    text = inspect.getdoc(cls) if cls.__doc__ else ""
    return text.splitlines()[0].rstrip(".") if text else ""


def _own_first(schema: type) -> list[dataclasses.Field[Any]]:
    """Return a dataclass's fields: the name first, then its own, then those that it inherits."""
    fields = {f.name: f for f in dataclasses.fields(schema)}
    declared_in: dict[str, int] = {}
    for depth, cls in enumerate(schema.__mro__):
        for name in getattr(cls, "__annotations__", {}):
            declared_in[name] = depth  # the class furthest up declares it, others may change the default
    return sorted(fields.values(), key=lambda f: (f.name != "name", declared_in[f.name]))


def _declared(field: dataclasses.Field[Any], value: Any) -> dict[str, Any]:
    """Return what the index holds of an option."""
    about = {"type": str(field.type), "default": _default(field, value)}
    metadata = field.metadata
    given = {key: metadata.get(key) for key in _DECLARED}
    about |= {key: value for key, value in given.items() if value not in (None, "")}
    about |= {key: metadata[key] for key in ("result", "named") if metadata.get(key, True) is not True}
    about |= {"before": metadata["before"]} if "before" in metadata else {}
    return about


def _default(field: dataclasses.Field[Any], value: Any) -> str:
    """Return the default as the yaml file has it."""
    if written := field.metadata.get("yaml"):
        return str(written)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False).replace('"', "")
    if OmegaConf.create(f"it: {text}").it != value:
        text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True)
        text = text.removesuffix("...\n").strip()
    return str(text)


def _command_options(
    fields: tuple[dataclasses.Field[Any], ...], config: Any, prefix: str = ""
) -> Iterator[tuple[str, dict[str, Any]]]:
    for field in fields:
        value = getattr(config, field.name)
        if block := field.metadata.get("block"):
            yield from _command_options(dataclasses.fields(block), value, f"{field.name}.")
        else:
            yield f"{prefix}{field.name}", _declared(field, value)


def _check_same(group: str, choices: dict[str, dict[str, Any]]) -> None:
    """Check that an option means the same for results in all choices of a group; LmregError if it doesn't."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for choice, about in choices.items():
        for name, option in about["options"].items():
            flags = {key: option[key] for key in ("result", "named", "before") if key in option}
            other, theirs = found.setdefault(name, (choice, flags))
            if flags != theirs:
                raise LmregError(
                    f"{group}.{name}: result, named and before must be the same for {other} and {choice}"
                )


def _choice_file(about: dict[str, Any], schema: type, config: Any) -> str:
    of = about["class"] or _dotted(schema)
    head = f"# {about['summary']}.\n" if about["summary"] else ""
    head += f"# Written by '{COMMAND}' from {of.rpartition('.')[0]}.\n"
    head += f"_target_: {about['class']}\n" if about["class"] else ""
    return head + "".join(_lines(list(_entries(_own_first(schema), config))))


def _entries(fields: list[dataclasses.Field[Any]], config: Any, indent: str = "") -> Iterator[Entry]:
    for field in fields:
        value = getattr(config, field.name)
        if block := field.metadata.get("block"):
            yield f"{field.name}:", ""
            yield from _entries(list(dataclasses.fields(block)), value, "  ")
        else:
            yield f"{indent}{field.name}: {_default(field, value)}", field.metadata.get("help", "")


def _lines(entries: list[Entry]) -> Iterator[str]:
    """Yield the lines with their comments aligned and wrapped."""
    widths = [len(line) for line, comment in entries if comment]
    column = max((width for width in widths if width <= _WIDEST), default=0) + 2
    for line, comment in entries:
        if not comment:
            yield f"{line}\n"
            continue
        line = f"{line}  ".ljust(column)
        parts = textwrap.wrap(comment, WIDTH - column - 2, initial_indent=" " * (len(line) - column))
        yield f"{line}# {parts[0].lstrip()}\n"
        yield from (f"{'':{column}}# {part}\n" for part in parts[1:])


def _json(content: Any, indent: str = "") -> str:
    """Return JSON with one option per line."""
    if not isinstance(content, dict) or "type" in content:
        return json.dumps(content, ensure_ascii=False)
    inside = (f'{indent} "{key}": {_json(value, indent + " ")}' for key, value in content.items())
    return "{\n" + ",\n".join(inside) + f"\n{indent}}}"


def stale(files: dict[Path, str]) -> list[Path]:
    """Return the files that differ from what would be written, and those of choices that no longer exist."""
    changed = [p for p, text in files.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    return changed + [p for group in GROUPS for p in (conf_dir() / group).glob("*.yaml") if p not in files]


def main() -> int:
    try:
        files = written()
    except LmregError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    paths = stale(files)
    if "--check" in sys.argv:
        for path in paths:
            print(f"{path} isn't what its dataclass declares; run '{COMMAND}'")
        return int(bool(paths))
    for path in paths:
        print(f"{'Written' if path in files else 'Removed'}: {path}")
        if path in files:
            path.parent.mkdir(exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
