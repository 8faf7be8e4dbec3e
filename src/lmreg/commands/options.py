"""The top level of a command's config: its own options beside the config groups."""

from __future__ import annotations

from typing import TypeVar

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from lmreg.config.build import nearest, typed
from lmreg.config.paths import conf_dir
from lmreg.errors import LmregError

T = TypeVar("T")


def top_level(cfg: DictConfig, schema: type[T]) -> T:
    """The top-level options, typed and checked; groups must be ones that exist."""
    groups = {p.name for p in conf_dir().iterdir() if p.is_dir()}
    for key, value in cfg.items():
        if isinstance(value, DictConfig) and key not in groups:
            raise LmregError(f"unknown config group '{key!s}'{nearest(str(key), groups)}")
    return typed({k: v for k, v in cfg.items() if k not in groups}, schema, "")  # type: ignore[misc]


def given_overrides() -> list[str]:
    """What the user wrote behind the command's name; nothing where lmreg is called as a library."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []
