"""Configs of many overrides without composing each anew, which takes Hydra a fifth of a second."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from lmreg.config import catalogue
from lmreg.config.identity import result_config
from lmreg.config.paths import conf_dir
from lmreg.experiment.run_name import run_folder, run_name, shown_overrides


@functools.cache
def _composed(command: str, choices: tuple[str, ...]) -> DictConfig:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose(command, list(choices))


def overridden(command: str, *overrides: str) -> DictConfig:
    """As the fixture ``composed``; the choices of groups are composed once, then Hydra sets the options."""
    groups = catalogue.groups(command)
    choices = tuple(arg for arg in overrides if arg.partition("=")[0] in groups)
    config = copy.deepcopy(_composed(command, choices))
    options = OverridesParser.create().parse_overrides([arg for arg in overrides if arg not in choices])
    ConfigLoaderImpl._apply_overrides_to_config(options, config)
    return config


def name_of(cfg: DictConfig, given: Sequence[str]) -> str:
    """The name of the search of ``cfg``, which was composed with the overrides ``given``."""
    return run_name(result_config(cfg), shown_overrides("search", cfg, given))


def folder_of(cfg: DictConfig, given: Sequence[str], study_folder: Path | None = None) -> Path:
    """The folder of the search of ``cfg``, which was composed with the overrides ``given``."""
    return run_folder(cfg, shown_overrides("search", cfg, given), study_folder)
