"""The top level of a command's config: the command's own options."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TypeVar

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from lmreg.config.build import nearest, typed
from lmreg.config.groups import GROUPS
from lmreg.config.sweep import current_sweep
from lmreg.errors import LmregError
from lmreg.experiment.run_name import in_file_name

T = TypeVar("T")


def top_level(cfg: DictConfig, schema: type[T]) -> T:
    """Return the top-level options, typed and checked.

    Raises:
        LmregError: a value that its option doesn't take, or a config group that doesn't exist.
    """
    own = {field.name for field in dataclasses.fields(schema)}  # type: ignore[arg-type]
    for key, value in cfg.items():
        if isinstance(value, DictConfig) and key not in GROUPS.keys() | own:
            raise LmregError(f"unknown config group '{key!s}'{nearest(str(key), GROUPS)}")
    return typed({k: v for k, v in cfg.items() if k in own or k not in GROUPS}, schema, "")  # type: ignore[misc]


def given_overrides() -> list[str]:
    """Return the overrides that the user gave to the command; none if lmreg is called as a library."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def job_folder(folder: Path, schema: type) -> Path:
    """Return ``folder``, or in a sweep over the command's own options a folder in it for the running job.

    The job's folder is named after the options that distinguish it, so that jobs don't overwrite each other's
    files.
    """
    sweep = current_sweep() if HydraConfig.initialized() else None
    if sweep is None:
        return folder
    own = {field.name for field in dataclasses.fields(schema) if field.metadata.get("sweep_folder")}
    distinguishing = [
        o for o in sweep.own(sweep.jobs[sweep.number]) if o.lstrip("+").partition("=")[0] in own
    ]
    return folder / in_file_name(sorted(distinguishing)) if distinguishing else folder
