"""What a search is called, and so where it lies."""

from __future__ import annotations

import re
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from lmreg.config import catalogue
from lmreg.config.renamed import first_choice, first_option
from lmreg.files import digest
from lmreg.identity import plain, result_config

TOLD_BY_SPACE = ("space.path", "space.family")
"""Options that a space is named after, and with it the study."""

# Told by the study's name or by the run's, or without influence on the result.
_NOT_IN_NAME = {
    *("algo", "reg", "seed", "study", "root", "space", "data", "task", "network", "data.path"),
    *TOLD_BY_SPACE,
    *("device", "threads", "workers", "checkpoint_seconds", "allow_packages", "tensorboard", "tracking"),
    "deterministic",
}

_LONGEST_NAME = 150  # file systems end at 255 bytes, and file names are made from it


def _is_hidden(override: str) -> bool:
    key = override.lstrip("+~").partition("=")[0]
    return key in _NOT_IN_NAME or key.startswith("tracking.")


def other_overrides(overrides: list[str]) -> list[str]:
    """Those that neither the study's name nor algorithm, regulariser and seed tell of, sorted."""
    return sorted(o.lstrip("+") for o in overrides if not _is_hidden(o))


def telling_overrides(cfg: DictConfig, overrides: list[str]) -> list[str]:
    """The overrides that a run is named after, sorted: neither told by its algorithm, regulariser, seed
    or study, nor a default that is only spelt out."""
    defaults = {o.key: o.default for o in catalogue.options("search", overrides)}
    groups = catalogue.groups("search")
    has_rounds = "landmarks" in result_config(cfg)

    def tells(override: str) -> bool:
        key, _, value = override.partition("=")
        if key.startswith("landmarks.") and not has_rounds:
            return False
        if key in groups:
            return value != groups[key]
        default = defaults.get(key, "${")
        if "${" in default:  # what it comes to depends on other options
            return True
        return plain(OmegaConf.select(cfg, key)) != plain(OmegaConf.create(f"it: {default}"))["it"]

    return [o for o in other_overrides(overrides) if tells(o)]


def run_name(cfg: DictConfig, overrides: list[str]) -> str:
    """``<algo>-<reg>-<other overrides>-s<seed>``, safe as a folder's name."""
    return _name(cfg, telling_overrides(cfg, overrides))


def _name(cfg: DictConfig, others: list[str], algo: str | None = None) -> str:
    parts = [algo or cfg.algo.name, cfg.reg.name, in_file_name(others), f"s{cfg.seed}"]
    return "-".join(filter(None, parts))


def _earlier_names(cfg: DictConfig, overrides: list[str]) -> list[str]:
    """What earlier lmregs called the run: after defaults that were spelt out too, or after names that have
    changed since."""
    algo = first_choice("algo", cfg.algo.name)
    spelt = [other_overrides(overrides), telling_overrides(cfg, overrides)]
    first = [sorted(first_option(o, cfg) for o in others) for others in spelt]
    return [_name(cfg, spelt[0]), *(_name(cfg, others, algo) for others in first)]


def in_file_name(parts: list[str]) -> str:
    """All of them, joined by dashes, safe as a part of a folder's name."""
    joined = "-".join(re.sub(r"[^\w.=+-]+", "_", part) for part in parts)
    if len(joined) > _LONGEST_NAME:
        joined = f"{joined[:_LONGEST_NAME]}-{digest(joined.encode())[:8]}"
    return joined


def run_folder(cfg: DictConfig, overrides: list[str], study_folder: Path | None = None) -> Path:
    """Where the search of ``cfg``, composed with ``overrides``, lies: in its study's folder."""
    searches = (study_folder or Path(str(cfg.root)) / str(cfg.study)) / "search"
    names = [run_name(cfg, overrides), *_earlier_names(cfg, overrides)]
    return next((searches / name for name in names if (searches / name).is_dir()), searches / names[0])
