"""What all commands need to know of how they were called."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from lmreg.config.catalogue import key_of
from lmreg.config.sweep import current_sweep
from lmreg.experiment.run_name import in_file_name


def given_overrides() -> list[str]:
    """Return the overrides that the user gave to the command; none if lmreg is called as a library."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def job_folder(folder: Path, schema: type) -> Path:
    """Return ``folder``, or in a sweep over the command's own options a folder in it for the running job.

    The job's folder is named after the options that distinguish it, so that jobs don't overwrite each other's
    files.
    """
    sweep = current_sweep()
    if sweep is None:
        return folder
    own = {field.name for field in dataclasses.fields(schema) if field.metadata.get("sweep_folder")}
    distinguishing = [o for o in sweep.own(sweep.jobs[sweep.number]) if key_of(o) in own]
    return folder / in_file_name(sorted(distinguishing)) if distinguishing else folder
