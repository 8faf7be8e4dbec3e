"""The options that all commands share, which ``conf/common.yaml`` has."""

from __future__ import annotations

from dataclasses import dataclass

from lmreg.config.schema import option


@dataclass
class Options:
    """Top-level options of every command."""

    study: str = option(
        "study",
        text="name",
        yaml="${space.name}-${data.name}",
        help="name of the study; results go to <root>/<study>/",
        result=False,
    )
    root: str = option("outputs", text="path", help="folder of all studies", result=False)
    seed: int = option(
        0, min=0, help="seed of every random draw: weights, batches, paths, pairs", named=False
    )
    device: str = option("auto", help="auto, cpu, cuda, cuda:1, ...", result=False)
    # Another number of threads, like another device, changes the last digits only.
    threads: int | None = option(
        None,
        min=1,
        max=4096,
        help="CPU threads of one process; null: torch's own choice (small networks gain little from two)",
        result=False,
    )
    deterministic: bool = option(
        True,
        help="repeat numbers exactly on a GPU too, as CPUs do anyway; false: any kernel, often faster",
        result=False,
        sweep_folder=True,
    )
    allow_packages: list[str] = option(
        [], help="packages besides lmreg whose classes a config may name", result=False
    )
