"""Commands that go on from a search take its space, network, data and task, unless told otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from lmreg.config import catalogue
from lmreg.config.arguments import split_values, with_home
from lmreg.config.paths import conf_dir
from lmreg.errors import LmregError

FOLLOWED = ("space", "network", "data", "task")


def with_choices_of_run(command: str, args: list[str]) -> list[str]:
    """``args`` with the choices that the search ``run=<folder>`` was composed of.

    So options such as ``network.cells`` are those of its network. Of a sweep over several runs this goes
    for the choices that they share. Where they differ, or a run has a class of no choice, its job takes
    what is its own in `followed`; an option of such a group is added, whichever choice is composed first,
    and refused by the job whose class doesn't have it. What can't be read is left to be told when the run
    is loaded.
    """
    if not set(FOLLOWED) <= set(catalogue.groups(command)):
        return args
    folders = next((arg.partition("=")[2] for arg in args if arg.startswith("run=")), "")
    runs = [run for run in map(_choices_of_run, split_values(folders)) if run]
    given = {arg.lstrip("+").partition("=")[0] for arg in args}
    found = {group: {run[group] for run in runs} for group in FOLLOWED if runs and group not in given}
    one = {group: next(iter(choices)) for group, choices in found.items() if len(choices) == 1}
    shared = {group: choice for group, choice in one.items() if choice is not None}
    own = tuple(f"{group}." for group in found.keys() - shared)
    args = [f"++{arg}" if arg.startswith(own) else arg for arg in args]
    return [*args, *(f"{group}={choice}" for group, choice in shared.items())]


def _choices_of_run(folder: str) -> dict[str, str | None] | None:
    """The choice of each group that is followed, None for a class of no choice; None if it can't be read."""
    try:
        config = yaml.safe_load((Path(with_home(folder)) / "config.yaml").read_text(encoding="utf-8"))
        return {group: _choice(group, config[group].get("_target_")) for group in FOLLOWED}
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return None


def _choice(group: str, target: str | None) -> str | None:
    paths = sorted((conf_dir() / group).glob("*.yaml"))
    return next((p.stem for p in paths if OmegaConf.select(OmegaConf.load(p), "_target_") == target), None)


def followed(cfg: DictConfig, run: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """``cfg`` with the values that ``run`` has in the groups that are followed, then the ``overrides``.

    A group of which another choice was given stays as it was composed.

    Raises:
        LmregError: another space, or options of one.
    """
    cfg = cfg.copy()
    keys = [o.lstrip("+").partition("=")[0] for o in overrides]
    for key in keys:
        if key.startswith("space."):  # the architecture is one of the run's space as it was
            given = OmegaConf.select(cfg, key)
            raise LmregError(f"{key}={given}: the run's space is {run.space.name}; leave {key} out")
    for group in FOLLOWED:
        same = cfg[group].get("_target_") == run[group].get("_target_")
        if group in keys and not same:
            if group == "space":
                raise LmregError(
                    f"space={cfg.space.name}: the run's space is {run.space.name}; leave space out"
                )
            continue
        merged: Any = OmegaConf.merge(cfg[group], run[group]) if same else run[group].copy()
        for key in keys:
            if key.startswith(f"{group}."):
                OmegaConf.update(merged, key.partition(".")[2], OmegaConf.select(cfg, key))
        cfg[group] = merged
    return cfg
