"""Run a command as a Hydra application, and turn every error of the user's into one line."""

from __future__ import annotations

import gc
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import NoReturn

import yaml
from hydra import main as hydra_main
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from lmreg.config import catalogue
from lmreg.config.arguments import MULTIRUN, as_text
from lmreg.config.build import check_config, nearest
from lmreg.config.compose import compose_words
from lmreg.config.inherited import with_choices_of_run
from lmreg.config.overrides import USER_ERRORS, as_hydra_reads, one_line, with_own_classes
from lmreg.config.paths import conf_dir
from lmreg.config.renamed import with_todays_names
from lmreg.config.sweep import current_sweep, sweeping
from lmreg.config.values import shown_config
from lmreg.errors import Interrupted, LmregError, is_user_error

Task = Callable[[DictConfig], None]


def run_app(command: str, args: list[str], task: Task) -> None:
    """Run ``task`` with the config composed from ``conf/<command>.yaml`` and the overrides.

    Exits with code 2 and one line at any error of the user's, and with 128 + the signal's number if the run
    was interrupted (its state is saved). A sweep continues with its other jobs after any error.
    ``HYDRA_FULL_ERROR=1`` shows the full traceback.
    """
    config_name = command.replace("-", "_")
    args, notes = with_todays_names(args)
    for note in notes:
        print(note, file=sys.stderr)  # standard output is for results, such as that of --cfg
    full_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise, so that errors are reported here
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
                if not (isinstance(error, USER_ERRORS) or is_user_error(error)):
                    raise
                fail(message)
            # The failure of one job doesn't stop the others of a sweep.
            sweep, mine = current_sweep(), list(HydraConfig.get().overrides.task)
            failed.append(f"{' '.join(sweep.own(mine) if sweep else mine)} ({message})")
            tell(f"{' '.join(mine)}: {message}")
        if failed:
            gc.collect()  # frees what the failed job held before the next one needs it

    try:
        args = _flags_last(as_hydra_reads(command, args))
        sys.argv = [f"lmreg {command}", *args]
        given = _checked_flags(args)
        if given.cfg:
            config = compose_words(command, given.overrides)
            check_config(command, config)
            if given.cfg == "job" and not (given.package or given.config_dir):
                print(shown_config(config, given.resolve), end="")
                return
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


def run_plain(command: str, args: list[str], task: Task) -> None:
    """Run ``task`` with ``conf/<command>.yaml``, which has no groups, and the overrides, without Hydra."""
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
        show_help(command, with_own_classes(command, with_choices_of_run(command, args)))
    except LmregError as error:
        fail(str(error))


def tell(message: str) -> None:
    """Print an error to standard error, in one line."""
    print(f"Error: {' '.join(message.split())}", file=sys.stderr)


def fail(message: str) -> NoReturn:
    """Print an error to standard error, in one line, and exit with code 2."""
    tell(message)
    sys.exit(2)


def _flags_last(args: list[str]) -> list[str]:
    """Return ``args`` with all flags and their values at the end: Hydra takes them at either end only."""
    overrides: list[str] = []
    flags: list[str] = []
    takes_value = False
    for arg in args:
        is_value = takes_value and "=" not in arg
        (flags if arg.startswith("-") or is_value else overrides).append(arg)
        takes_value = arg.startswith("-") and arg not in (*MULTIRUN, "--resolve")
    return [*overrides, *flags]


def _checked_flags(args: list[str]) -> Namespace:
    """Return the flags and overrides among ``args``; refuse unknown flags, and ones that exclude others."""
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
    return given
