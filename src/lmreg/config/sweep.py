"""The jobs of a sweep, and which one is running."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode


@dataclass(frozen=True)
class Sweep:
    """The overrides of every job, and the number of the running one, counted from 0."""

    jobs: tuple[tuple[str, ...], ...]
    number: int

    def own(self, overrides: Sequence[str]) -> list[str]:
        """Return those of a job's ``overrides`` that not all jobs share."""
        shared = set.intersection(*(set(job) for job in self.jobs))
        return [o for o in overrides if o not in shared]


def sweeping() -> bool:
    """Return whether the running job is part of a sweep."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def current_sweep() -> Sweep | None:
    """Return the sweep whose job is running; None for a single run or another sweeper than Hydra's own."""
    if not sweeping():
        return None
    given = get_args_parser().parse_args(sys.argv[1:]).overrides
    parsed = OverridesParser.create().parse_overrides(given)
    own = [o for o in parsed if not o.get_key_element().lstrip("+~").startswith("hydra")]
    try:
        batches = BasicSweeper.split_arguments(own, max_batch_size=None)
    except Exception:  # a kind of sweep that only another sweeper knows
        return None
    jobs, number = tuple(tuple(job) for batch in batches for job in batch), HydraConfig.get().job.num
    return Sweep(jobs, number) if tuple(HydraConfig.get().overrides.task) in jobs else None
