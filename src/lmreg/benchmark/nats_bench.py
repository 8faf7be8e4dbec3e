"""NATS-Bench's topology space (that of NAS-Bench-201) through its authors' API, `nats_bench`.

Source: github.com/D-X-Y/NATS-Bench; Dong et al., "NATS-Bench: Benchmarking NAS Algorithms for Architecture
Topology and Size", TPAMI 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmreg.benchmark.nasbench201 import Config as TopologyConfig
from lmreg.benchmark.nasbench201 import TopologyBenchmark


@dataclass
class Config(TopologyConfig):
    name: str = "nats_bench"


class NATSBenchFile(TopologyBenchmark):
    """NATS-tss-v1_0-3ffb9-simple (a folder) or its .pickle.pbz2 through the package nats_bench."""

    package = "nats_bench"

    def __init__(self, config: Config):
        super().__init__(config)

    def open(self, package: Any, path: Path) -> Any:
        # A folder has one file per architecture, which is read on demand.
        return package.create(str(path), "tss", fast_mode=path.is_dir(), verbose=False)
