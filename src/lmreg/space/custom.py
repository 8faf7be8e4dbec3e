"""A user's own space: stages of layers, each of which is one of the modules listed in a YAML file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmreg.config.build import nearest, typed
from lmreg.config.resolvers import part_of_file
from lmreg.config.schema import option
from lmreg.errors import LmregError
from lmreg.space.base import Arch
from lmreg.space.chain import Stage, StagedChain

PLACEHOLDERS = ("$c_in", "$c_out", "$stride")
"""Placeholders for a layer's input channels, output channels and stride."""
IDENTITIES = ("torch.nn.Identity", "torch.nn.modules.linear.Identity")
"""Targets that are identities."""
EXAMPLE = "space/custom.yaml"
"""The space that is searched if the user gives no file, relative to lmreg's package."""


@dataclass
class Config:
    name: str = option("custom", yaml="${stem:${.path},custom}")
    path: str | None = option(
        None,
        text="path",
        help="YAML file with stages of your own; null: lmreg's example",
        result=False,
        named=False,
    )
    stages: list[Any] = option(
        [],
        yaml="${part_of_file:${.path},stages,space/custom.yaml}",
        help="layers, width, stride and choices of each stage",
    )


@dataclass
class StageConfig:
    layers: int = option(1, min=1, help="layers, each of which takes one of the choices")
    width: int = option(0, min=1, help="channels after each layer")
    stride: int = option(1, min=1, help="stride of the first layer; the others have 1")
    choices: dict[str, Any] = option({}, help="by name a module, or a list of modules")


@dataclass(frozen=True)
class CustomStage(Stage):
    """A stage with, for each of its choices, the targets and arguments of the modules."""

    width: int = 1
    stride: int = 1
    parts: Mapping[str, tuple[Mapping[str, Any], ...]] | None = None


class CustomSpace(StagedChain):
    """Stages of layers, each of which is one of the modules that a YAML file lists under ``choices``.

    The choice `torch.nn.Identity` skips the layer; the first layer of a stage doesn't have it. An example of
    the text form is ``conv3+skip|mb6_k5+mb3_k3+skip``. An invalid stage raises LmregError, which says what is
    wrong and in which stage.
    """

    stages: tuple[CustomStage, ...]

    def __init__(self, config: Config):
        if not config.stages:
            raise LmregError("space.stages has no stages; give at least one")
        super().__init__(config.name, [_stage(s, config_key(i)) for i, s in enumerate(config.stages)])
        if config.path is None and config.stages == part_of_file(None, "stages", EXAMPLE):
            self.note = f"no space.path is given, so {config.name} is lmreg's own example of a space"
        duplicates = [_duplicate_choices(stage) for stage in self.stages]
        self._first_of = [
            first_of for first_of, stage in zip(duplicates, self.stages, strict=True) for _ in stage.options
        ]

    def canonical(self, arch: Arch) -> str:
        """Return the key of a staged chain in which choices with equal modules are one choice.

        Other equivalences, such as ReLU after ReLU, aren't detected.
        """
        pairs = zip(self._first_of, arch.choices, strict=True)
        choices = tuple(first_of.get(choice, choice) for first_of, choice in pairs)
        return super().canonical(Arch(self.name, choices))


def _duplicate_choices(stage: CustomStage) -> dict[int, int]:
    """Map each choice that has the same modules as an earlier choice to that choice."""
    assert stage.parts is not None
    made = [stage.parts[name] for name in stage.blocks]
    return {number: made.index(parts) for number, parts in enumerate(made) if made.index(parts) < number}


def config_key(stage: int, choice: str | None = None) -> str:
    """Return the key of a stage, or of one of its choices, in the config."""
    return f"space.stages[{stage}]" + ("" if choice is None else f".choices.{choice}")


def _stage(node: Any, where: str) -> CustomStage:
    if not isinstance(node, Mapping):
        raise LmregError(f"{where}={node}: must be a mapping with layers, width, stride and choices")
    for key in ("width", "choices"):
        if node.get(key) is None:
            raise LmregError(f"{where} has no {key}")
    if not isinstance(node["choices"], Mapping):
        raise LmregError(f"{where}.choices={node['choices']}: must be a mapping from names to modules")
    for name in node["choices"]:
        if not re.fullmatch(r"[A-Za-z]\w*", str(name), re.ASCII) or not isinstance(name, str):
            raise LmregError(
                f"{where}.choices.{name}: a choice's name must be letters, digits and _, a letter first"
            )
    config = typed(node, StageConfig, where)
    if len(config.choices) < 2:
        raise LmregError(
            f"{where}.choices: there is no choice among {len(config.choices)}; give at least two"
        )
    parts = {name: _parts(given, f"{where}.choices.{name}") for name, given in config.choices.items()}
    idle = [name for name, modules in parts.items() if modules[0]["_target_"] in IDENTITIES]
    if len(idle) > 1:
        raise LmregError(f"{where}.choices: {' and '.join(idle)} are all identities; keep one")
    blocks = tuple(sorted(parts.keys() - idle))  # independent of the order in the file, as in any mapping
    skip = idle[0] if idle else None
    return CustomStage(config.layers, blocks, skip, config.width, config.stride, parts)


def _parts(given: Any, where: str) -> tuple[Mapping[str, Any], ...]:
    """Return the modules of a choice after checking their keys and placeholders."""
    modules = tuple(given) if isinstance(given, list) else (given,)
    for index, module in enumerate(modules or ({},)):
        if not isinstance(module, Mapping) or not isinstance(module.get("_target_"), str):
            mine = f"{where}[{index}]" if modules and isinstance(given, list) else where
            raise LmregError(
                f"{mine}: must be a mapping with _target_, such as torch.nn.Conv2d, and its arguments, or a "
                "list of such mappings"
            )
        if module["_target_"] in IDENTITIES and len(modules) > 1:
            raise LmregError(f"{where}: an identity among other modules has no effect; leave it out")
        for key, value in module.items():
            _check_argument(value, f"{where}.{key}")
    return modules


def _check_argument(value: Any, where: str) -> None:
    if isinstance(value, Mapping):
        raise LmregError(
            f"{where}: arguments are numbers, texts or lists; write a class for a module within a module"
        )
    if isinstance(value, list):
        for item in value:
            _check_argument(item, where)
    elif isinstance(value, float) and not math.isfinite(value):
        raise LmregError(f"{where}={value}: must be finite")
    elif isinstance(value, str) and value.startswith("$") and value not in PLACEHOLDERS:
        raise LmregError(f"{where}={value}: unknown placeholder{nearest(value, PLACEHOLDERS)}")
