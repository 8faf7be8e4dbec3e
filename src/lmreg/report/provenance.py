"""How a study was made: shared config, differences between runs, commands, versions."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from omegaconf import OmegaConf

from lmreg.config import catalogue
from lmreg.config.arguments import argument
from lmreg.config.build import dotted
from lmreg.config.identity import config_hash, earlier_values
from lmreg.config.index import index
from lmreg.config.values import shown
from lmreg.report.sources import ReportedRun, Sources
from lmreg.util.progress import counted


@dataclass(frozen=True)
class ConfigDifferences:
    """The differences between the configs of a study's runs.

    Attributes:
        groups: labels of the groups of runs that differ only in the seed.
        seeds: the seeds of each group.
        rows: (key, its value in each group) for the keys that differ.
        shared: the other keys as YAML.
    """

    groups: list[str]
    seeds: list[str]
    rows: list[tuple[str, list[str]]]
    shared: str


def config_differences(runs: list[ReportedRun]) -> ConfigDifferences:
    """Return the differences between the runs' configs."""
    groups: dict[str, list[ReportedRun]] = {}
    for run in runs:
        groups.setdefault(config_hash(run.finished.config_without("seed")), []).append(run)
    configs = [dotted(members[0].finished.config_without("seed")) for members in groups.values()]
    keys = sorted({key for config in configs for key in config})
    missing = object()
    same = {k for k in keys if all(c.get(k, missing) == configs[0].get(k, missing) for c in configs)}
    implied = {key: shown(value) for key, value in earlier_values().items()}
    values = {k: [shown(c[k]) if k in c else implied.get(k, "") for c in configs] for k in keys}
    rows = [(key, values[key]) for key in keys if key not in same]
    shared = OmegaConf.create({})
    for key in keys:
        if key in same:
            OmegaConf.update(shared, key, configs[0][key], force_add=True)
    return ConfigDifferences(
        [members[0].group for members in groups.values()],
        [", ".join(str(r.finished.result["seed"]) for r in members) for members in groups.values()],
        rows,
        OmegaConf.to_yaml(shared),
    )


def reproducing_commands(sources: Sources) -> list[str]:
    """Return the commands that reproduce this study."""
    options, cfg = sources.study.options, sources.runs[0].finished.cfg
    where = [argument("root", options.root)] if options.root != "outputs" else []
    # A choice is named like its module; its `name` may be that of the user's folder or file.
    task, space, data = (str(cfg[group]["_target_"]).split(".")[-2] for group in ("task", "space", "data"))
    names = [f"space={space}", f"data={data}"]
    given = {key: OmegaConf.select(cfg, key) for key in sorted(index().named) if key.startswith("space.")}
    names += [argument(key, value) for key, value in given.items() if value]
    named = options.study != f"{cfg.space.name}-{data}"
    where += [argument("study", options.study)] * named
    path = [argument("data.path", cfg.data.path)] if cfg.data.get("path") else []
    path += [f"task={task}"] if task != catalogue.groups("search")["task"] else []
    lines = []
    overrides = sources.truth.manifest.get("overrides")
    if overrides is None:  # landmarks from an earlier lmreg
        lines.append("# lmreg train-landmarks with the options in landmarks/manifest.json, shown below")
    else:
        seed = sources.truth.manifest.get("seed", 0)
        lines.append(_line("train-landmarks", where, names, path, overrides, [f"seed={seed}"]))
    searches: dict[tuple[str, ...], list[int]] = {}
    for run in sources.runs:
        result = run.finished.result
        own = (f"algo={result['algo']}", f"reg={result['reg']}", *result.get("overrides", []))
        searches.setdefault(own, []).append(result["seed"])
    for own, seeds in searches.items():
        several = ["-m"] if len(seeds) > 1 else []
        lines.append(_line("search", several, where, names, path, own, [f"seed={','.join(map(str, seeds))}"]))
    short = where if named else [*where, *names]
    return [*lines, _line("evaluate", short), _line("report", short)]


def _line(command: str, *parts: Iterable[str]) -> str:
    return " ".join(["lmreg", command, *(shlex.quote(p) for part in parts for p in part)])


def facts(sources: Sources) -> list[tuple[str, str]]:
    """Return (name, value) of versions, device and hashes; where runs disagree, all their values."""
    results = [run.finished.result for run in sources.runs]

    def all_of(values: Iterable[Any]) -> str:
        return "; ".join(dict.fromkeys(str(v) for v in values if v not in (None, {}, ""))) or "not recorded"

    def pairs(value: dict[str, Any]) -> str:
        return ", ".join(f"{k} {v:,}" if isinstance(v, int) else f"{k} {v}" for k, v in value.items())

    def device(result: dict[str, Any]) -> str | None:
        threads = f", {counted(result['threads'], 'thread')}" if result.get("threads") else ""
        return f"{result['device']}{threads}" if result.get("device") else None

    def norm(result: dict[str, Any]) -> str:
        affine = result.get("affine", True)  # always so in an earlier lmreg
        kinds = {None: "as the network defines them", True: "with scale and shift"}
        return kinds.get(affine, "without scale and shift")

    return [
        ("Batch norms in the super-nets' cells", all_of(map(norm, results))),
        ("Images per split", all_of(pairs(r.get("split_sizes", {})) for r in results)),
        ("Hash of the data", all_of(r.get("data_hash") for r in results)),
        ("Hash of the landmarks", sources.truth.landmarks.hash),
        ("Hash of the pool", sources.truth.pool.hash),
        ("Versions", all_of(pairs(r.get("versions", {})) for r in results)),
        ("Device", all_of(device(r) for r in results)),
    ]
