"""Runs a command as a Hydra application and turns every user error into one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn

from hydra import compose, initialize_config_dir
from hydra import main as hydra_main
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from lmreg.config.build import nearest
from lmreg.config.paths import conf_dir
from lmreg.errors import Interrupted, LmregError

Task = Callable[[DictConfig], None]
_USER_ERRORS = (LmregError, HydraException, OmegaConfBaseException, OSError)


def run_app(command: str, args: list[str], task: Task) -> None:
    """Run ``task`` with the config composed from ``conf/<command>.yaml`` and the overrides.

    Exits with code 2 and one line on any error of the user's, with 128 + the signal's number when
    the run was interrupted (its state saved). ``HYDRA_FULL_ERROR=1`` shows the full traceback.
    """
    config_name = command.replace("-", "_")
    args = [_with_home(argument) for argument in args]
    full_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise, so that errors are told here
    args = [_quoted(arg) for arg in args]
    sys.argv = [f"lmreg {command}", *args]
    failed: list[str] = []
    main_process = os.getpid()

    def guarded(config: DictConfig) -> None:
        try:
            task(config)
        except _USER_ERRORS as error:
            if full_traceback or os.getpid() != main_process:
                raise
            message = _one_line(error, config_name, args)
            if HydraConfig.get().mode != RunMode.MULTIRUN:
                fail(message)
            # One job's failure doesn't stop the others of a sweep.
            failed.append(" ".join(HydraConfig.get().overrides.task))
            tell(f"{failed[-1]}: {message}")

    try:
        _check_flags(args)
        hydra_main(version_base="1.3", config_path=str(conf_dir()), config_name=config_name)(guarded)()
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        sys.exit(128 + stop.signal_number)
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    except _USER_ERRORS as error:
        if full_traceback:
            raise
        fail(_one_line(error, config_name, args))
    if failed:
        fail(f"{len(failed)} of the sweep's jobs failed: {'; '.join(failed)}")


def _quoted(arg: str) -> str:
    """``key=a=b`` as ``key='a=b'``: folders of runs have = in their names, which Hydra wants quoted."""
    key, _, value = arg.partition("=")
    plain = "=" in value and not set(value) & set("'\"\\,[]{}()$") and not arg.startswith("-")
    return f"{key}='{value}'" if plain else arg


def tell(message: str) -> None:
    """Print an error to standard error, in one line."""
    print(f"Error: {' '.join(message.split())}", file=sys.stderr)


def fail(message: str) -> NoReturn:
    """Print one line to standard error and exit with code 2."""
    tell(message)
    sys.exit(2)


def _with_home(argument: str) -> str:
    """``key=~/folder`` with the home folder in it: shells leave it as it is, and Hydra can't read it."""
    key, equals, value = argument.partition("=")
    # Not Path.expanduser: that fails where there is no such user.
    return f"{key}={os.path.expanduser(value)}" if equals and value.startswith("~") else argument  # noqa: PTH111


def _check_flags(args: list[str]) -> None:
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise LmregError(f"{message}; 'lmreg COMMAND --help' shows what there is")

    parser.error = refuse  # type: ignore[method-assign]
    _, unknown = parser.parse_known_intermixed_args(args)
    if unknown:
        name = unknown[0].lstrip("-").partition("=")[0]
        if (conf_dir() / name).is_dir():
            raise LmregError(f"unknown flag {unknown[0]!r}; options have no dashes: {name}=<value>")
        flags = [s for action in parser._actions for s in action.option_strings]
        raise LmregError(f"unknown flag {unknown[0]!r}{nearest(unknown[0], flags)}")


def _one_line(error: Exception, config_name: str, args: list[str]) -> str:
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        return f"unknown choice '{group}={choice}'{nearest(choice, error.options)}"
    if isinstance(error, OverrideParseException):
        return f"can't read {error.override!r}: expected key=value (quote values with special characters)"
    if isinstance(error, InterpolationResolutionError):
        return str(error).splitlines()[0]
    if isinstance(error, HydraException):
        return _composition_error(error, config_name, args)
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
    return str(error)


def _composition_error(error: HydraException, config_name: str, args: list[str]) -> str:
    text = str(error).splitlines()[0]
    if "Could not override" in text:
        key = text.split("'")[1].split("@")[0]
        names = list(_known_keys(config_name, args))
        if "." in key and key in names:  # it exists, but not with every choice that was swept over
            return f"'{key}' does not exist with every choice of this sweep; sweep over those apart"
        value = next((a for a in args if a.lstrip("+~").split("=")[0] == key), key)
        return f"unknown key '{value}'{nearest(key, names) if names else ''}"
    if "Ambiguous value" in text:
        return f"{text}; for a sweep over several values add -m"
    cause = f": {str(error.__cause__).splitlines()[0]}" if error.__cause__ else ""
    return text.rstrip(".:") + cause


def _known_keys(config_name: str, args: list[str]) -> Iterator[str]:
    """Config groups and the dotted keys of the config under the same choices where they compose."""
    groups = [p.name for p in conf_dir().iterdir() if p.is_dir() and p.name != "hydra"]
    chosen = [a for a in args if a.split("=")[0] in groups and "," not in a]
    GlobalHydra.instance().clear()
    for overrides in (chosen, []):
        try:
            with initialize_config_dir(str(conf_dir()), version_base="1.3"):
                config = compose(config_name, overrides)
            yield from (group for group in groups if group in config)
            yield from _dotted(config)
            return
        except HydraException:
            continue


def _dotted(node: DictConfig, prefix: str = "") -> Iterator[str]:
    for key, value in node.items_ex(resolve=False):
        if isinstance(value, DictConfig):
            yield from _dotted(value, f"{prefix}{key!s}.")
        elif key != "_target_":
            yield f"{prefix}{key!s}"
