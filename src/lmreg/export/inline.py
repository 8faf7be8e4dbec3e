"""Collecting the source of a function and of all it uses of lmreg, as a module that doesn't need lmreg."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from lmreg.errors import LmregError

_Definition = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom


def inlined_source(function: Callable[..., Any]) -> str:
    """Return the source of all imports, constants, functions and classes that ``function`` uses, and its own.
    Definitions are copied from lmreg, where their names must be unique; other packages stay imports."""
    collected = _Collected()
    collected.add(function.__name__, function.__module__)
    imports = sorted(collected.imports, key=lambda line: (line.startswith("from"), line))
    lines = "\n".join(["from __future__ import annotations\n", *imports])
    return "\n\n\n".join([lines, *collected.parts]) + "\n"


class _Collected:
    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.parts: list[str] = []
        """Definitions, each after those that it uses."""
        self._origin: dict[str, str] = {}
        """By name, the module that defines it."""

    def add(self, name: str, module: str) -> None:
        """Add ``name`` as ``module`` defines or imports it, and everything it uses."""
        source = inspect.getsource(importlib.import_module(module))
        known = _definitions(source)
        node = known.get(name)
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._imported(name, node)
            return
        if node is None:
            raise LmregError(f"{module} has no {name} whose source could be exported")
        if (origin := self._origin.setdefault(name, module)) != module:
            raise LmregError(f"{name} can't be exported: it is defined in both {origin} and {module}")
        used = [other for other in _used(node) if other in known and other != name]
        for other in used:
            if self._origin.get(other) != module:
                self.add(other, module)
        start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        self.parts.append("\n".join(source.splitlines()[start - 1 : node.end_lineno]))

    def _imported(self, name: str, node: ast.Import | ast.ImportFrom) -> None:
        (alias,) = (a for a in node.names if _bound(a) == name)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lmreg":
            if alias.asname is not None:
                raise LmregError(f"{name} can't be exported: it has another name where it is defined")
            if alias.name not in self._origin:
                self.add(alias.name, str(node.module))
            return
        only = (
            ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, [alias], 0)
        )
        self.imports.add(ast.unparse(only))


def _bound(alias: ast.alias) -> str:
    """Return the name that an import binds."""
    return alias.asname or alias.name.split(".")[0]


@functools.cache
def _definitions(source: str) -> dict[str, _Definition]:
    """Return a module's top-level definitions and imports by name."""
    return {name: node for node in ast.parse(source).body for name in _names(node)}  # type: ignore[misc]


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from map(_bound, node.names)
    elif isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def _used(node: ast.AST) -> list[str]:
    """Return the names that a definition uses but doesn't bind itself, each once."""
    inside = list(ast.walk(node))
    names = [n for n in inside if isinstance(n, ast.Name)]
    own = {n.id for n in names if isinstance(n.ctx, ast.Store)} | {
        n.arg for n in inside if isinstance(n, ast.arg)
    }
    return list(dict.fromkeys(n.id for n in names if n.id not in own))
