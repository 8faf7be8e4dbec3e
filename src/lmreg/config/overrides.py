"""Check a command's overrides before Hydra composes them, and put Hydra's errors in one line."""

from __future__ import annotations

import dataclasses
import re

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from lmreg.config import catalogue
from lmreg.config.arguments import MULTIRUN, checked, quoted_texts, split_values
from lmreg.config.build import named, nearest, schema_of, unknown_choice
from lmreg.config.groups import GROUPS
from lmreg.config.inherited import with_choices_of_run
from lmreg.config.paths import WRITE_CONF, conf_dir
from lmreg.errors import LmregError, error_line

USER_ERRORS = (LmregError, HydraException, OmegaConfBaseException, OSError)


def as_hydra_reads(command: str, args: list[str]) -> list[str]:
    """Return a command's overrides as Hydra reads them, checked as far as possible without composing them."""
    _check_groups(command, args)
    args = with_choices_of_run(command, quoted_texts(command, args))
    return _for_swept_choices(command, checked(command, args))


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
    for arg in args:
        key, _, value = arg.lstrip("+~").partition("=")
        group, _, option = key.partition(".")
        if _has_own_class(group, args):
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


def _has_own_class(group: str, args: list[str]) -> bool:
    return any(arg.lstrip("+").startswith(f"{group}._target_=") for arg in args)


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
    value = next((a for a in args if a.lstrip("+~").split("=")[0] == key), key)
    group, owners = key.partition(".")[0], catalogue.owners(key)
    if _has_own_class(group, args):
        return f"'{value}': the choice has no such option; if the class you give has it, write +{key}=..."
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
    cls = named(str(content.get("_target_", GROUPS[group].base)))
    schema = cls if dataclasses.is_dataclass(cls) else schema_of(cls)
    return option in {field.name for field in dataclasses.fields(schema)}
