"""``lmreg retrain``: train a found architecture alone, at full size, to be used."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from lmreg.commands.search import SearchOptions
from lmreg.config.build import built, top_level
from lmreg.config.catalogue import key_of
from lmreg.config.inherited import followed
from lmreg.config.schema import inherit, option
from lmreg.config.values import settled
from lmreg.errors import LmregError
from lmreg.experiment.duration import standalone_seconds
from lmreg.experiment.retraining import (
    SPLIT,
    Recipe,
    Retraining,
    is_retraining,
    retraining_config,
    seeds_in_words,
)
from lmreg.experiment.run_name import changed_values, default_config, in_file_name, with_config
from lmreg.experiment.study import Options, Study
from lmreg.experiment.summary import announce_data, device_in_words
from lmreg.experiment.workers import threads_per_worker
from lmreg.rank.finished_run import FinishedRun
from lmreg.rank.intervals import SEEDS_FOR_INTERVAL
from lmreg.space.base import Arch
from lmreg.task.base import Task
from lmreg.util.progress import console, counted, format_duration, new_table, say

_RECIPE = {"label_smoothing": None, "cutout": "data", "auxiliary": "network", "drop_path": "network"}
"""By option of the recipe, the config group that has an option of the same name, if there is one."""


@dataclass
class RetrainOptions(Options):
    run: str | None = option(
        None, text="path", help="folder of the search that found the architecture", sweep_folder=False
    )
    candidate: str = option(
        "best",
        choices=["best", "discretised"],
        help="best: the run's first candidate; discretised: what its algorithm learned",
    )
    arch: str | None = option(None, text="whole", help="an architecture's text or name, in place of run")
    seeds: int = option(
        3, min=1, help="trainings, with seeds from seed= on; the result is of all trainings in the folder"
    )
    label_smoothing: float = option(
        0.1, min=0, max=0.99, help="share of a label that is spread over all classes, if there are labels"
    )
    cutout: float | None = option(
        0.5,
        min=0,
        help="data.cutout of this training, unless the task is dense; null: the search's (DARTS: 0.5)",
    )
    auxiliary: float | None = option(
        0.4, min=0, help="network.auxiliary of this training, if the network has it; null: the search's"
    )
    drop_path: float | None = option(
        0.2,
        min=0,
        max=0.99,
        help="network.drop_path of this training, if the network has it; null: the search's",
    )
    confidence: float = option(0.95, min=0.5, max=0.999, help="confidence of the interval over seeds")
    folder: str | None = option(
        None,
        text="name",
        help="name of the results' folder in <study>/retrain/; null: made from the run or architecture and "
        "the options that aren't the default",
    )
    log_every: int = inherit(SearchOptions, "log_every")
    checkpoint_seconds: float = inherit(SearchOptions, "checkpoint_seconds")


def retrain(cfg: DictConfig, overrides: list[str]) -> Path:
    """Train what is missing of the retraining, and return its folder."""
    options = top_level(cfg, RetrainOptions)
    if (options.run is None) == (options.arch is None):
        both = "" if options.run is None else ", not both"
        raise LmregError(
            f"retrain needs either run=<folder of a search> or arch='<text form>' with space=<name>{both}"
        )
    origin: dict[str, Any] = {"run": None}
    text, base, default = options.arch, None, _default(cfg, overrides)
    if options.run is not None:
        found = FinishedRun.load(Path(options.run).resolve())
        cfg, default = followed(cfg, found.cfg, overrides), _default(cfg, overrides, found.cfg)
        text, base = _architecture(found, options.candidate), found.name
        given = set(map(key_of, overrides))
        root, study_name = str(found.study_folder.parent), found.study_folder.name
        options = replace(
            options,
            root=options.root if "root" in given else root,
            study=options.study if "study" in given else study_name,
        )
        origin = {"run": found.name, "candidate": options.candidate}
    task = built(cfg.task, Task, "task", options.allow_packages)
    options, unsuited = suited(cfg, options, task, overrides)
    study = Study(with_recipe(cfg, options, overrides), options)
    arch = study.space.read(text, "arch")
    folder = _folder(study, options, arch, base, default, task)
    seeds = range(options.seed, options.seed + options.seeds)
    recipe = Recipe(arch, options.label_smoothing, seeds, options.log_every, options.checkpoint_seconds)
    with study.runtime.applied():
        retraining = Retraining(study, recipe, folder, origin)
        if left := retraining.left():
            _announce(study, arch, left, folder, unsuited)
        _show(retraining.execute(options.confidence))
    say(f"Written: {folder}")
    return folder


def _folder(
    study: Study, options: RetrainOptions, arch: Arch, base: str | None, default: DictConfig, task: Task
) -> Path:
    """Return the folder of a retraining, named after ``base``, the run that found the architecture (None for
    a given one), and the options that differ from those of ``default``."""
    folders, base = study.folder / "retrain", base or arch.id
    if options.folder is not None:
        return folders / options.folder
    usual, _ = suited(default, RetrainOptions(), task, [])
    default = settled(with_recipe(default, usual, []))
    usual_config = retraining_config(default, arch, usual.label_smoothing, study.space)
    config = retraining_config(study.cfg, arch, options.label_smoothing, study.space)
    chosen = [f"candidate={options.candidate}"] if options.candidate != "best" else []
    folder = folders / in_file_name([base, *chosen, *changed_values(config, usual_config)])
    return with_config(folder, f"{glob.escape(base)}*", lambda there: is_retraining(there, config))


def _architecture(found: FinishedRun, candidate: str) -> str:
    """Return the text form of the run's candidate."""
    chosen = found.result.get(candidate)
    if chosen is None:
        raise LmregError(
            f"candidate={candidate}: the algorithm of {found.name} has learned no architecture; "
            "pass candidate=best"
        )
    return str(chosen["arch"])


def suited(
    cfg: DictConfig, options: RetrainOptions, task: Task, overrides: list[str]
) -> tuple[RetrainOptions, dict[str, str]]:
    """Return ``options`` without the parts of the recipe that don't suit the task, and these with the reason.

    Parts that the command or the search was given explicitly stay.
    """
    given, left_out = set(map(key_of, overrides)), {}
    for key, reason in task.unsuited.items():
        if key not in _RECIPE:
            raise LmregError(
                f"{type(task).__name__}.unsuited names {key!r}, which is no part of the recipe; "
                f"there are {', '.join(_RECIPE)}"
            )
        group = _RECIPE[key]
        kept = group is not None and cfg[group].get(key)
        if getattr(options, key) and key not in given and not kept:
            left_out[key] = reason
    nothing: dict[str, Any] = {key: None if _RECIPE[key] else 0.0 for key in left_out}
    return replace(options, **nothing), left_out


def with_recipe(cfg: DictConfig, options: RetrainOptions, overrides: list[str]) -> DictConfig:
    """Return ``cfg`` with the recipe's values for data and network, as far as these have such options; an
    override ``group.key=...`` of the command takes precedence.
    """
    cfg, given = cfg.copy(), set(map(key_of, overrides))
    for key, group in _RECIPE.items():
        value = getattr(options, key)
        if group is None or value is None or f"{group}.{key}" in given:
            continue
        if key in cfg[group]:
            cfg[group][key] = value
        elif key in given and value:
            raise LmregError(f"{key}={value}: this {group} has no option {group}.{key}; leave {key} out")
    return cfg


def _default(cfg: DictConfig, overrides: list[str], run: DictConfig | None = None) -> DictConfig:
    """Return the config of the same call without options: the choices of ``cfg``, the values of ``run``."""
    usual, _ = default_config("retrain", settled(cfg), overrides)
    return usual if run is None else followed(usual, run, [o for o in overrides if "." not in key_of(o)])


def _announce(study: Study, arch: Arch, left: list[int], folder: Path, unsuited: Mapping[str, str]) -> None:
    """Print what will be trained, where, and about how long it will take."""
    announce_data(study.data)
    cost, images = study.cost(arch), len(study.data.split(SPLIT))
    steps = study.trainer.total_steps(images // study.trainer.batch_size)
    seconds = standalone_seconds(study, [arch], 1, threads_per_worker(study, 1), SPLIT)
    time = f"; about {format_duration(seconds * len(left))}" if seconds else ""
    say(f"{study.space.format(arch)}: {cost['params']:,} parameters, {cost['macs']:,} MACs")
    work = f"{counted(len(left), 'training')} of {steps:,} steps"
    data = f"{study.trainer.batch_size} of the {images:,} training images of {study.cfg.data.name}"
    say(f"{work} of {data}; {device_in_words(study.device)}{time}")
    if unsuited:
        say(f"Left out of the recipe: {'; '.join(f'{key}, {why}' for key, why in unsuited.items())}")
    say(f"Folder: {folder}")


def _show(result: dict[str, Any]) -> None:
    """Print the scores on the test images."""
    trainings, figures = result["trainings"], result["test"]
    seeds = [training["seed"] for training in trainings]
    count = f"{counted(len(seeds), 'training')}, {seeds_in_words(seeds)}"
    confidence = next(iter(figures.values()))["confidence"]
    headings = ("score", "mean", f"{100 * confidence:.4g} % interval", "each")
    table = new_table(f"test scores ({result['images']['test']:,} images; {count})", headings, ["score"])
    for column, figure in figures.items():
        each = ", ".join(f"{training[column]:.4g}" for training in trainings)
        table.add_row(column, f"{figure['mean']:.4g}", _interval(figure), each)
    console().print(table)


def _interval(figure: dict[str, Any]) -> str:
    """Return the interval over seeds in words."""
    if figure["n"] < SEEDS_FOR_INTERVAL:
        return f"from {SEEDS_FOR_INTERVAL} seeds on"
    return "none: all agree" if figure["low"] is None else f"{figure['low']:.4g} to {figure['high']:.4g}"
