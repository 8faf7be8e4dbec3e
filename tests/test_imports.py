"""A module imports only modules of its own layer or of a lower one."""

from __future__ import annotations

import ast
from pathlib import Path

import lmreg

LAYERS = [
    {"errors"},
    {"util"},
    {"config"},
    {"space", "task"},
    {"data", "selector", "benchmark"},
    {"network"},
    {"landmarks.truth", "train.random_streams", "experiment.runtime"},
    {"train.context"},
    {"algo", "reg"},
    {"train"},
    {"proxy", "predictor"},
    {"experiment.study"},
    {"experiment.workers"},
    {"rank"},
    {
        *("strategy", "experiment.duration", "experiment.summary", "experiment.run_name"),
        *("experiment.compatibility", "experiment.failures", "experiment.tensorboard"),
    },
    {"experiment.result"},
    {"landmarks", "experiment", "report", "export"},
    {"testing"},
    {"commands"},
    {"api"},
    {"cli"},
    {"__main__"},
]
"""From the lowest layer to the highest. A module's layer is that of its own entry if it has one, else that of
the package it lies in."""

HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}
ROOT = Path(lmreg.__file__).parent


def module(path: Path) -> str:
    """The dotted name of a file's module, without `lmreg`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imported(path: Path) -> set[str]:
    """The dotted names, without `lmreg`, of lmreg's modules that a file imports, or of names in them."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removeprefix("lmreg.") for name in names if name.startswith("lmreg.")}


def height(name: str) -> int:
    """The layer of the longest beginning of a dotted name that the table has."""
    while name not in HEIGHT:
        name, dot, _ = name.rpartition(".")
        assert dot, "a new package needs a place in LAYERS"
    return HEIGHT[name]


def test_no_module_imports_a_higher_one() -> None:
    files = [p for p in ROOT.rglob("*.py") if p.name != "__init__.py"]
    assert len(files) > 30
    wrong = [
        f"{module(path)} imports {name}"
        for path in files
        for name in imported(path)
        if height(name) > height(module(path))
    ]
    assert wrong == []


def test_every_entry_is_a_module_or_a_package() -> None:
    places = {name: ROOT.joinpath(*name.split(".")) for name in HEIGHT}
    gone = [name for name, path in places.items() if not (path.is_dir() or path.with_suffix(".py").exists())]
    assert gone == []


def test_algorithms_and_regularisers_do_not_know_each_other() -> None:
    for one, other in (("algo", "reg"), ("reg", "algo")):
        for path in (ROOT / one).glob("*.py"):
            assert [name for name in imported(path) if name.split(".")[0] == other] == [], path


def test_spaces_and_the_command_line_need_no_torch() -> None:
    for package in ("space", "config", "cli"):
        for path in (ROOT / package).glob("*.py"):
            lines = path.read_text().splitlines()
            assert [line for line in lines if line.strip().startswith(("import torch", "from torch"))] == []


def test_files_are_short() -> None:
    assert [p for p in ROOT.rglob("*.py") if len(p.read_text().splitlines()) > 300] == []
