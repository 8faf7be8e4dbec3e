"""Runs a command as a Hydra application and turns every user error into one line."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from typing import NoReturn

import yaml
from hydra import main as hydra_main
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lmreg.config import catalogue
from lmreg.config.arguments import MULTIRUN, as_text, checked, quoted_texts, split_values
from lmreg.config.build import nearest
from lmreg.config.inherited import with_choices_of_run
from lmreg.config.paths import conf_dir
from lmreg.config.renamed import with_todays_names
from lmreg.config.sweep import current_sweep, sweeping
from lmreg.errors import Interrupted, LmregError, error_line, is_user_error

Task = Callable[[DictConfig], None]
USER_ERRORS = (LmregError, HydraException, OmegaConfBaseException, OSError)


def run_app(command: str, args: list[str], task: Task) -> None:
    """Run ``task`` with the config composed from ``conf/<command>.yaml`` and the overrides.

    Exits with code 2 and one line on any error of the user's, with 128 + the signal's number when
    the run was interrupted (its state saved). Whatever the error, a sweep goes on with its other
    jobs. ``HYDRA_FULL_ERROR=1`` shows the full traceback of any error.
    """
    config_name = command.replace("-", "_")
    args, notes = with_todays_names(args)
    for note in notes:
        print(note, file=sys.stderr)  # standard output is for results, such as those of --cfg
    full_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise, so that errors are told here
    try:
        args = as_hydra_reads(command, args)
    except USER_ERRORS as error:
        if full_traceback:
            raise
        fail(one_line(error, config_name, args))
    args.sort(key=lambda arg: arg not in MULTIRUN)  # Hydra's parser takes it on either end only
    sys.argv = [f"lmreg {command}", *args]
    failed: list[str] = []
    count = 0
    main_process = os.getpid()

    def guarded(config: DictConfig) -> None:
        nonlocal count
        count += 1
        try:
            task(config)
        except Exception as error:
            if full_traceback or os.getpid() != main_process:
                raise
            message = one_line(error, config_name, args)
            if not sweeping():
                if not _is_users(error):
                    raise
                fail(message)
            # One job's failure doesn't stop the others of a sweep.
            sweep, mine = current_sweep(), list(HydraConfig.get().overrides.task)
            failed.append(f"{' '.join(sweep.own(mine) if sweep else mine)} ({message})")
            tell(f"{' '.join(mine)}: {message}")
        if failed:
            gc.collect()  # what the failed job held, before the next one needs it

    try:
        _check_flags(args)
        hydra_main(version_base="1.3", config_path=str(conf_dir()), config_name=config_name)(guarded)()
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        sys.exit(128 + stop.signal_number)
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    except USER_ERRORS as error:
        if full_traceback:
            raise
        fail(one_line(error, config_name, args))
    if failed:
        fail(f"{len(failed)} of the sweep's {count} jobs failed: {'; '.join(failed)}")


def as_hydra_reads(command: str, args: list[str]) -> list[str]:
    """A command's words, complete and checked as far as that goes without composing them."""
    _check_groups(command, args)
    args = with_choices_of_run(command, quoted_texts(command, args))
    return _for_swept_choices(command, checked(command, args))


def _is_users(error: Exception) -> bool:
    return isinstance(error, USER_ERRORS) or is_user_error(error)


def run_plain(command: str, args: list[str], task: Task) -> None:
    """Run ``task`` with ``conf/<command>.yaml`` and the overrides, without Hydra: it has no groups."""
    try:
        config = OmegaConf.load(conf_dir() / f"{command}.yaml")
        assert isinstance(config, DictConfig)
        for arg in args:
            key, is_given, value = arg.partition("=")
            if arg.startswith("-"):
                raise LmregError(f"unknown flag {arg!r}; 'lmreg {command} --help' shows what there is")
            if not is_given:
                raise LmregError(f"can't read {arg!r}: expected key=value")
            if key not in config:
                raise LmregError(f"unknown key '{arg}'{nearest(key, map(str, config))}")
            field = catalogue.field_of(command, key)
            try:
                text = field is not None and field.text and value != "null"
                config[key] = as_text(field.text, value) if field and text else yaml.safe_load(value)
            except yaml.YAMLError:
                raise LmregError(f"can't read {arg!r}: quote values with special characters") from None
        task(config)
    except USER_ERRORS as error:
        fail(one_line(error, command, args))


def show_help(command: str, args: list[str]) -> None:
    """Print the help of a command under the choices in ``args``."""
    from lmreg.cli.help import show_help

    try:
        args, notes = with_todays_names(arg for arg in args if not arg.startswith("-"))
        for note in notes:
            print(note, file=sys.stderr)
        show_help(command, with_choices_of_run(command, args))
    except LmregError as error:
        fail(str(error))


def _for_swept_choices(command: str, args: list[str]) -> list[str]:
    """``algo.key=value`` as ``++algo.key=value`` in a sweep over ``algo`` whose choices all have that key.

    Hydra composes a sweep with the default choice first, and would refuse a key that this one lacks.
    """
    if not set(MULTIRUN) & set(args):
        return args
    swept = {group for group, choices in catalogue.chosen(command, args).items() if len(choices) > 1}
    common = {option.key for option in catalogue.options(command, args)}

    def addable(arg: str) -> bool:
        key = arg.partition("=")[0]
        return key in common and key.partition(".")[0] in swept

    return [f"++{arg}" if addable(arg) else arg for arg in args]


def tell(message: str) -> None:
    """Print an error to standard error, in one line."""
    print(f"Error: {' '.join(message.split())}", file=sys.stderr)


def fail(message: str) -> NoReturn:
    """Print one line to standard error and exit with code 2."""
    tell(message)
    sys.exit(2)


def _check_flags(args: list[str]) -> None:
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise LmregError(f"{message}; 'lmreg COMMAND --help' shows what there is")

    parser.error = refuse  # type: ignore[method-assign]
    given, unknown = parser.parse_known_intermixed_args(args)
    if given.multirun and (given.cfg or given.info):
        raise LmregError("-m runs a sweep, --cfg and --info show one configuration; leave either out")
    if unknown:
        name = unknown[0].lstrip("-").partition("=")[0]
        if (conf_dir() / name).is_dir():
            raise LmregError(f"unknown flag {unknown[0]!r}; options have no dashes: {name}=<value>")
        there = [s for action in parser._actions for s in action.option_strings]
        raise LmregError(f"unknown flag {unknown[0]!r}{nearest(unknown[0], there)}")


def _check_groups(command: str, args: list[str]) -> None:
    """Every group has a choice, which Hydra itself answers with a traceback if it's missing; a block of
    options has none."""
    inside = [o.key for o in catalogue.top_options(command) if "." in o.key]
    for arg in args:
        group, is_given, value = arg.lstrip("+~").partition("=")
        if is_given and not group:
            raise LmregError(f"can't read {arg!r}: expected key=value")
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
    """What goes with classes of the user's own only: taking options out, and names of choices.

    Hydra takes an option out, and the class then has a default that no help tells. A choice with the name
    of another would be taken for that one wherever results are compared.
    """
    for arg in args:
        key, _, value = arg.lstrip("+~").partition("=")
        group, _, option = key.partition(".")
        if any(other.lstrip("+").startswith(f"{group}._target_=") for other in args):
            continue
        if arg.startswith("~") and group != "hydra":
            raise LmregError(f"{arg}: an option can't be taken out; give it the value that it shall have")
        if option == "name" and group in catalogue.groups(command):
            now, there = catalogue.chosen(command, args)[group], catalogue.choices(group)
            given = set(split_values(value))
            if group in ("algo", "reg", "strategy", "selector", "landmarks") or given & set(there) - set(now):
                others = f"take {group}={','.join(sorted(given))}" if given <= set(there) else "leave it out"
                raise LmregError(
                    f"{arg}: results are told apart by that name, here {','.join(now)}; {others}"
                )


def one_line(error: Exception, config_name: str, args: list[str]) -> str:
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        return f"unknown choice '{group}={choice}'{nearest(choice, error.options)}"
    if isinstance(error, OverrideParseException):
        return (
            f"can't read {error.override!r}: expected key=value; a value with special characters needs "
            "quotes of its own: \"key='a & b'\""
        )
    if isinstance(error, HydraException):
        return _composition_error(error, config_name, args)
    if isinstance(error, OmegaConfBaseException):
        own = "LmregError raised while resolving interpolation: "
        return str(error).splitlines()[0].removeprefix(own)
    return error_line(error)


def _composition_error(error: HydraException, config_name: str, args: list[str]) -> str:
    text = str(error).splitlines()[0]
    if "Could not override" in text:
        return _unknown_key(text.split("'")[1].split("@")[0], config_name, args)
    if "Ambiguous value" in text:
        value = text.partition("'")[2].rpartition("'")[0]  # which may have quotes itself
        return f"{value}: several values; for a sweep over them add -m"
    cause = f": {str(error.__cause__).splitlines()[0]}" if error.__cause__ else ""
    return text.rstrip(".:") + cause


def _unknown_key(key: str, command: str, args: list[str]) -> str:
    """Why ``key`` can't be set: a slip, or an option of another choice."""
    value = next((a for a in args if a.lstrip("+~").split("=")[0] == key), key)
    group, owners = key.partition(".")[0], catalogue.owners(key)
    if owners and group in catalogue.groups(command):
        now = catalogue.chosen(command, args)[group]
        if len(now) > 1:
            return f"'{key}' belongs to {' and '.join(owners)} only; sweep over {group} apart from it"
        return (
            f"'{value}': with {group}={now[0]} there is no such option; it belongs to {' and '.join(owners)}"
        )
    names = [o.key for o in catalogue.options(command, args)]
    return f"unknown key '{value}'{nearest(key, [*catalogue.groups(command), *names])}"
