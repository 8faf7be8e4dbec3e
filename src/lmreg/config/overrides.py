"""Check a command's overrides before Hydra composes them, and put Hydra's errors in one line."""

from __future__ import annotations

import dataclasses
import re
from pkgutil import resolve_name
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lmreg.config import catalogue
from lmreg.config.arguments import MULTIRUN, checked, quoted_texts, split_values
from lmreg.config.build import class_of, nearest, schema_of, unknown_choice
from lmreg.config.groups import GROUPS
from lmreg.config.index import Choice, field_from, index
from lmreg.config.inherited import with_choices_of_run
from lmreg.config.paths import WRITE_CONF, conf_dir
from lmreg.config.values import written
from lmreg.errors import LmregError, error_line

USER_ERRORS = (LmregError, HydraException, OmegaConfBaseException, OSError)


def as_hydra_reads(command: str, args: list[str]) -> list[str]:
    """Return a command's overrides as Hydra reads them, checked as far as possible without composing them."""
    _check_groups(command, args)
    args = with_choices_of_run(command, quoted_texts(command, args))
    return _for_swept_choices(
        command, _for_mappings(command, with_own_classes(command, checked(command, args)))
    )


def with_own_classes(command: str, args: list[str]) -> list[str]:
    """Return ``args`` with each class of the user's own as the choice of its group, which has the options of
    its own Config; LmregError if it can't be imported, or its package isn't allowed."""
    own, keys = _own_classes(command, args), set(map(catalogue.key_of, args))
    allow = "".join(arg.partition("=")[2] for arg in args if catalogue.key_of(arg) == "allow_packages")
    words, usual = [], catalogue.groups(command)
    for group, targets in own.items():
        for target in targets:
            _add_choice(group, target, re.findall(r"[^][\s,'\"]+", allow))
        words.append(f"{group}={','.join(targets)}")
    if "space" in own and "network" in usual and "network" not in {*own, *keys}:
        now = set(catalogue.chosen(command, args)["network"]) & set(catalogue.choices("network"))
        words.append(f"network={','.join(sorted(now)) or usual['network']}")
    for arg in args:
        group, _, option = catalogue.key_of(arg).partition(".")
        if group not in own:
            words.append(arg)
        elif option not in ("", "_target_") and not arg.startswith("~"):
            words.append(f"++{arg.lstrip('+')}")  # building the class tells which options there are
    return words


def _own_classes(command: str, args: list[str]) -> dict[str, list[str]]:
    """Return the classes of the user's own among ``args`` by their group, several in a sweep."""
    given = {catalogue.key_of(arg): arg.partition("=")[2] for arg in args}
    groups = catalogue.groups(command)
    targets = {g: split_values(given.get(f"{g}._target_") or given.get(g, "")) for g in groups}
    own = re.compile(r"(?!lmreg\.)\w+(\.\w+)+")
    return {group: names for group, names in targets.items() if all(map(own.fullmatch, names))}


def _add_choice(group: str, target: str, allow: list[str]) -> None:
    """Let Hydra and the catalogue know the class ``target`` as a choice of that name."""
    cls = class_of(target, resolve_name(GROUPS[group].base), group, allow)
    schema = schema_of(cls)
    defaults: Any = OmegaConf.to_container(OmegaConf.structured(schema))
    content, fields = {"_target_": target}, {}
    for field in dataclasses.fields(schema):
        content[field.name] = default = field.metadata.get("yaml") or defaults[field.name]
        about = {"type": getattr(field.type, "__name__", str(field.type)), "default": written(default)}
        fields[field.name] = field_from(about | field.metadata)
    if "name" not in content and group != "network":
        raise LmregError(f"{group}._target_={target}: its Config needs an option 'name' with a default")
    ConfigStore.instance().store(target, content, group)
    summary = (cls.__doc__ or "").strip().partition("\n")[0].rstrip(".")
    index().choices[group, target] = Choice(target, summary, fields, content)


def _for_swept_choices(command: str, args: list[str]) -> list[str]:
    """Write ``algo.key=value`` as ``++algo.key=value`` in a sweep over ``algo`` whose choices all have it.

    Hydra composes a sweep with the default choice first, and would refuse a key that this choice lacks.
    """
    if not set(MULTIRUN) & set(args):
        return args
    swept = {group for group, choices in catalogue.chosen(command, args).items() if len(choices) > 1}
    common = {option.key for option in catalogue.options(command, args)}

    def addable(arg: str) -> bool:
        key = arg.partition("=")[0]
        return key in common and key.partition(".")[0] in swept

    return [f"++{arg}" if addable(arg) else arg for arg in args]


def _for_mappings(command: str, args: list[str]) -> list[str]:
    """Write ``key={a:1}`` as ``++key={a:1}``, and ``key.a=1`` as ``++key.a=1``, where the option ``key`` is a
    mapping, as Hydra would refuse what it doesn't have by default."""
    options = catalogue.options(command, args)
    mappings = [o.key for o in options if o.field is not None and o.field.type.startswith("dict")]

    def inside(arg: str) -> bool:
        return any(f"{arg.partition('=')[0]}.".startswith(f"{key}.") for key in mappings)

    return [f"++{arg}" if inside(arg) else arg for arg in args]


def _check_groups(command: str, args: list[str]) -> None:
    """Check that every group keeps a choice and that no block of options is given one.

    Hydra itself would answer a group without a choice with a traceback.
    """
    inside = [o.key for o in catalogue.top_options(command) if "." in o.key]
    for arg in args:
        group, is_given, value = arg.lstrip("+~").partition("=")
        if is_given and not group:
            raise LmregError(_unreadable(arg))
        group, at, _ = group.partition("@")
        if at and group in catalogue.groups(command):
            raise LmregError(f"{arg}: a choice can't be put elsewhere by @; write {group}={value}")
        without = arg.startswith("~") or (is_given and value in ("", "null"))
        if group in catalogue.groups(command) and without:
            raise LmregError(
                f"{arg}: {group} needs one of its choices: {', '.join(catalogue.choices(group))}"
            )
        mine = [key for key in inside if key.startswith(f"{group}.")]
        if mine and (arg.startswith("~") or (is_given and not value.startswith("{"))):
            takers = [f"'lmreg {c}'" for c in catalogue.commands() if group in catalogue.groups(c)]
            whose = f" is for {' and '.join(takers)};" if takers else ":"
            raise LmregError(f"{arg}{whose} 'lmreg {command}' has {', '.join(mine)}")
    _check_own(command, args)


def _check_own(command: str, args: list[str]) -> None:
    """Refuse to remove options, or to rename choices, except for classes of the user's own.

    Without an option the class would use a default that no help shows. A choice with the name of another
    would be taken for that one wherever results are compared.
    """
    own, keys = _own_classes(command, args), set(map(catalogue.key_of, args))
    for arg in args:
        key, _, value = arg.lstrip("+~").partition("=")
        group, _, option = key.partition(".")
        if group in own or f"{group}._target_" in keys:
            continue
        if arg.startswith("~") and group != "hydra":
            raise LmregError(f"{arg}: an option can't be taken out; give it the value it should have")
        if option == "name" and group in catalogue.groups(command):
            now, there = catalogue.chosen(command, args)[group], catalogue.choices(group)
            given = set(split_values(value))
            if group in ("algo", "reg", "strategy", "selector", "landmarks") or given & set(there) - set(now):
                others = f"take {group}={','.join(sorted(given))}" if given <= set(there) else "leave it out"
                raise LmregError(
                    f"{arg}: results are told apart by that name, here {','.join(now)}; {others}"
                )


def one_line(error: Exception, config_name: str, args: list[str]) -> str:
    """Return the message of an error that composing ``args`` has raised, in one line."""
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        return unknown_choice(group, choice, error.options)
    if isinstance(error, OverrideParseException):
        return _unreadable(str(error.override))
    if isinstance(error, HydraException):
        return _composition_error(error, config_name, args)
    if isinstance(error, OmegaConfBaseException):
        own = "LmregError raised while resolving interpolation: "
        return str(error).splitlines()[0].removeprefix(own)
    return error_line(error)


def _unreadable(word: str) -> str:
    """Say why a word of the command line is no override."""
    key, is_given, value = word.partition("=")
    if not is_given or not key:
        return f"can't read {word!r}: expected key=value, without spaces around ="
    if not re.fullmatch(r"[+~]*\w[\w-]*([./@:]\w[\w-]*)*", key):
        return f"can't read {word!r}: {key!r} can't be the name of an option"
    if value.isdecimal():
        return f"can't read {word!r}: write its digits as 0 to 9"
    return f"can't read {word!r}: a value with special characters needs quotes of its own: \"key='a & b'\""


def _composition_error(error: HydraException, config_name: str, args: list[str]) -> str:
    text = str(error).splitlines()[0]
    if "Could not override" in text:
        return _unknown_key(text.split("'")[1].split("@")[0], config_name, args)
    if "An item is already at" in text:
        return f"{text.rpartition('at ')[2].rstrip('.')} exists already; leave out the plus"
    if "Ambiguous value" in text:
        value = text.partition("'")[2].rpartition("'")[0]  # which may have quotes itself
        return f"{value}: several values; for a sweep over them add -m"
    cause = f": {str(error.__cause__).splitlines()[0]}" if error.__cause__ else ""
    return text.rstrip(".:") + cause


def _unknown_key(key: str, command: str, args: list[str]) -> str:
    """Say why ``key`` can't be set: it is misspelt, or an option of another choice."""
    value = next((a for a in args if catalogue.key_of(a) == key), key)
    group, owners = key.partition(".")[0], catalogue.owners(key)
    if owners and group in catalogue.groups(command):
        now = catalogue.chosen(command, args)[group]
        if len(now) > 1:
            return f"'{key}' belongs to {' and '.join(owners)} only; sweep over {group} apart from it"
        return (
            f"'{value}': with {group}={now[0]} there is no such option; it belongs to {' and '.join(owners)}"
        )
    if _is_declared(key, command, args):
        return f"'{value}': the yaml files in {conf_dir()} lack {key}; {WRITE_CONF}"
    names = [o.key for o in catalogue.options(command, args)]
    return f"unknown key '{value}'{nearest(key, [*catalogue.groups(command), *names])}"


def _is_declared(key: str, command: str, args: list[str]) -> bool:
    """Whether the class of a choice declares the option ``key``, which ``conf/`` lacks."""
    group, _, option = key.partition(".")
    if group not in catalogue.groups(command):
        return False
    content = catalogue.content(group, catalogue.chosen(command, args)[group][0])
    cls = resolve_name(str(content.get("_target_", GROUPS[group].base)))
    schema = cls if dataclasses.is_dataclass(cls) else schema_of(cls)
    return option in {field.name for field in dataclasses.fields(schema)}
