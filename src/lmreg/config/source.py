"""The fields of a config's dataclass, read from its source: importing it would import torch."""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmreg.config.schema import Text


@dataclass(frozen=True)
class Field:
    """What `lmreg.config.schema.option` says of a field; ``type`` is its annotation."""

    type: str
    help: str = ""
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] | None = None
    text: Text | None = None

    @property
    def range(self) -> str:
        """Its valid values in words; empty where any will do."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.min is not None and self.max is not None:
            return f"{self.min} to {self.max}"
        if self.min is not None:
            return f"at least {self.min}"
        return f"at most {self.max}" if self.max is not None else ""


@functools.cache
def config_fields(target: str, of_class: bool = True) -> dict[str, Field]:
    """Fields of the dataclass ``target``; with ``of_class`` of that class's Config.

    Nothing where the source isn't lmreg's or can't be understood: who asks can do without.
    """
    module, _, name = target.rpartition(".")
    found = _lookup(module, name)
    if found and of_class:
        found = _config_class(*found)
    return dict(_fields(*found)) if found else {}


@functools.cache
def options_fields(command: str) -> dict[str, Field]:
    """Fields of the dataclass of a command's own options."""
    module = f"lmreg.commands.{command.replace('-', '_')}"
    tree = _tree(module)
    for node in tree.body if tree else []:
        if isinstance(node, ast.ClassDef) and node.name.endswith("Options"):
            return dict(_fields(module, node))
    return {}


def summary(target: str) -> str:
    """The first line of a class's docstring, without its full stop."""
    module, _, name = target.rpartition(".")
    found = _lookup(module, name)
    text = ast.get_docstring(found[1]) if found and isinstance(found[1], ast.ClassDef) else None
    return text.splitlines()[0].rstrip(".") if text else ""


@functools.cache
def _tree(module: str) -> ast.Module | None:
    if module.partition(".")[0] != "lmreg":
        return None
    try:
        spec = importlib.util.find_spec(module)
        return ast.parse(Path(spec.origin).read_text(encoding="utf-8")) if spec and spec.origin else None
    except (ImportError, ValueError, OSError, SyntaxError):
        return None


def _lookup(module: str, name: str) -> tuple[str, ast.AST] | None:
    """The module that defines ``name``, and its definition: a class or an assigned value."""
    tree = _tree(module)
    for node in tree.body if tree else []:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return module, node
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _lookup(node.module or "", alias.name)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(t, ast.Name) and t.id == name for t in targets):
            return module, node.value  # type: ignore[attr-defined]
    return None


def _bases(module: str, node: ast.ClassDef) -> Iterator[tuple[str, ast.ClassDef]]:
    for base in node.bases:
        found = _lookup(module, base.id) if isinstance(base, ast.Name) else None
        if found and isinstance(found[1], ast.ClassDef):
            yield found[0], found[1]


def _config_class(module: str, node: ast.AST) -> tuple[str, ast.AST] | None:
    """The annotation of the constructor's ``config``, the constructor perhaps inherited."""
    if not isinstance(node, ast.ClassDef):
        return None
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            for argument in item.args.args:
                if argument.arg == "config" and argument.annotation is not None:
                    names = [n.id for n in ast.walk(argument.annotation) if isinstance(n, ast.Name)]
                    return _lookup(module, names[0]) if names else None
    inherited = (_config_class(*base) for base in _bases(module, node))
    return next(filter(None, inherited), None)


def _fields(module: str, node: ast.AST) -> Iterator[tuple[str, Field]]:
    if not isinstance(node, ast.ClassDef):
        return
    for base in reversed(list(_bases(module, node))):
        yield from _fields(*base)
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            yield item.target.id, _field(module, item)


def _field(module: str, item: ast.AnnAssign) -> Field:
    about: dict[str, Any] = {}
    if isinstance(item.value, ast.Call) and getattr(item.value.func, "id", "") == "option":
        about = {k.arg: _value(module, k.value) for k in item.value.keywords if k.arg}
    return Field(ast.unparse(item.annotation), **{k: v for k, v in about.items() if v is not None})


def _value(module: str, node: ast.AST | None) -> Any:
    """A literal, the keys of a dict, what a name stands for; None for anything else."""
    if isinstance(node, ast.Dict):
        return tuple(k.value for k in node.keys if isinstance(k, ast.Constant))
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        parts = [_value(module, n.value if isinstance(n, ast.Starred) else n) for n in node.elts]
        starred = [isinstance(n, ast.Starred) for n in node.elts]
        return tuple(v for p, s in zip(parts, starred, strict=True) for v in ((p or ()) if s else (p,)))
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("list", "tuple", "sorted"):
        inner = _value(module, node.args[0])
        return tuple(sorted(inner)) if inner and getattr(node.func, "id", "") == "sorted" else inner
    if isinstance(node, ast.Name):
        found = _lookup(module, node.id)
        return _value(*found) if found else None
    try:
        return ast.literal_eval(node) if node is not None else None
    except ValueError:
        return None
