"""Commands that continue from a search take its space, network, data and task, unless others are given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from lmreg.config import catalogue
from lmreg.config.arguments import split_values, with_home
from lmreg.config.identity import peek_config
from lmreg.config.values import shown
from lmreg.errors import LmregError

FOLLOWED = ("space", "network", "data", "task")


def with_choices_of_run(command: str, args: list[str]) -> list[str]:
    """Add the choices that the search in ``run=<folder>`` was composed of to ``args``.

    Options such as ``network.cells`` are then those of its network. In a sweep over several runs only the
    choices that all of them share are added. Where the runs differ, or a run's class is not a choice, each
    job takes its run's own class in `followed`; an option of such a group is added whatever choice is
    composed first, and a job whose class lacks the option refuses it. A run that can't be read is ignored
    here; loading it reports why.
    """
    if not set(FOLLOWED) <= set(catalogue.groups(command)):
        return args
    folders = next((arg.partition("=")[2] for arg in args if arg.startswith("run=")), "")
    runs = [run for run in map(_choices_of_run, split_values(folders)) if run]
    given = set(map(catalogue.key_of, args))
    found = {group: {run[group] for run in runs} for group in FOLLOWED if runs and group not in given}
    one = {group: next(iter(choices)) for group, choices in found.items() if len(choices) == 1}
    shared = {group: choice for group, choice in one.items() if choice is not None}
    own = tuple(f"{group}." for group in found.keys() - shared)
    args = [f"++{arg}" if arg.startswith(own) else arg for arg in args]
    return [*args, *(f"{group}={choice}" for group, choice in shared.items())]


def _choices_of_run(folder: str) -> dict[str, str | None] | None:
    """Return a run's choice of each followed group, None for a class that isn't one; None if unreadable."""
    config = peek_config(Path(with_home(folder)) / "config.yaml")
    try:
        return {group: _choice(group, config[group].get("_target_")) for group in FOLLOWED}
    except (KeyError, AttributeError):
        return None


def _choice(group: str, target: str | None) -> str | None:
    choices = catalogue.choices(group)
    return next((c for c in choices if catalogue.content(group, c).get("_target_") == target), None)


def followed(cfg: DictConfig, run: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """Return ``cfg`` with the values that ``run`` has in the followed groups, changed by ``overrides``.

    A group for which ``overrides`` give another choice stays as it was composed; another space, or options of
    the space, are refused.
    """
    cfg = cfg.copy()
    keys = list(map(catalogue.key_of, overrides))
    for key in keys:
        if key.startswith("space."):  # the architecture is of the run's own space
            given = OmegaConf.select(cfg, key)
            raise LmregError(f"{key}={shown(given)}: the run's space is {run.space.name}; leave {key} out")
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
