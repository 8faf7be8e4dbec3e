"""Imports go one way: from the bottom of this list up, never down."""

from __future__ import annotations

import ast
from pathlib import Path

import lmreg

LAYERS = [
    {"errors"},
    {"files", "locks", "config", "machine", "progress", "failures", "events", "identity"},
    {"space", "task"},
    {"data", "selector", "kind"},
    {"network"},
    {"truth", "streams", "determinism"},
    {"context"},
    {"algo", "reg"},
    {"train"},
    {"study"},
    {"rank"},
    {"strategy", "estimate", "summary", "names", "compat"},
    {"result"},
    {"landmarks", "run", "report", "retraining", "export"},
    {"testing"},
    {"commands"},
    {"api"},
    {"cli"},
    {"__main__"},
]
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}
ROOT = Path(lmreg.__file__).parent


def part(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.split(".")[1] for name in names if name.startswith("lmreg.")}


def test_no_part_imports_a_higher_one() -> None:
    files = [p for p in ROOT.rglob("*.py") if p.name != "__init__.py"]
    assert len(files) > 30
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported(path)
        if HEIGHT[name] > HEIGHT[part(path)]
    ]
    assert wrong == []


def test_algorithms_and_regularisers_do_not_know_each_other() -> None:
    for one, other in (("algo", "reg"), ("reg", "algo")):
        for path in (ROOT / one).glob("*.py"):
            assert other not in imported(path), path


def test_spaces_and_the_command_line_need_no_torch() -> None:
    for path in [*(ROOT / "space").glob("*.py"), *(ROOT / "config").glob("*.py"), ROOT / "cli.py"]:
        lines = path.read_text().splitlines()
        assert [line for line in lines if line.strip().startswith(("import torch", "from torch"))] == [], path


def test_files_are_short() -> None:
    assert [p for p in ROOT.rglob("*.py") if len(p.read_text().splitlines()) > 300] == []
