"""The top level of a command's config: its own options beside the config groups."""

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
    """The top-level options, typed and checked; groups must be ones that exist."""
    own = {field.name for field in dataclasses.fields(schema)}  # type: ignore[arg-type]
    for key, value in cfg.items():
        if isinstance(value, DictConfig) and key not in GROUPS.keys() | own:
            raise LmregError(f"unknown config group '{key!s}'{nearest(str(key), GROUPS)}")
    return typed({k: v for k, v in cfg.items() if k in own or k not in GROUPS}, schema, "")  # type: ignore[misc]


def given_overrides() -> list[str]:
    """What the user wrote behind the command's name; nothing where lmreg is called as a library."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def of_job(folder: Path, schema: type) -> Path:
    """``folder``; in a sweep over options of the command itself, one inside it for each job.

    It is named after what tells the job from the others, which else would overwrite what it has written.
    """
    sweep = current_sweep() if HydraConfig.initialized() else None
    if sweep is None:
        return folder
    own = {field.name for field in dataclasses.fields(schema) if field.metadata.get("sweep_folder")}
    telling = [o for o in sweep.own(sweep.jobs[sweep.number]) if o.lstrip("+").partition("=")[0] in own]
    return folder / in_file_name(sorted(telling)) if telling else folder
