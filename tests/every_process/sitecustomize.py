"""What every Python process of the tests imports at its start: it makes the embedded images fewer.

A command's test is about what the command does, and scoring 6,000 images after each training would be half of
its time. `conftest.py` puts this folder on PYTHONPATH, so that the processes of lmreg see the same images.
"""

import functools
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MODULE = "lmreg.data.fashion_mini"


class Fewer:
    """Finds the module as Python does, and lets it read every tenth image of each part."""

    def __init__(self) -> None:
        self._asked = False

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != MODULE or self._asked:
            return None
        self._asked = True
        spec = importlib.util.find_spec(name)
        self._asked = False
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def executed(module: ModuleType) -> None:
                execute(module)
                make_fewer(module)

            spec.loader.exec_module = executed  # type: ignore[method-assign]
        return spec


def make_fewer(module: ModuleType) -> None:
    read_all = module.FashionMini.read
    if hasattr(read_all, "__wrapped__"):
        return

    @functools.wraps(read_all)  # from which `inspect.unwrap` returns it
    def read(self: Any) -> Any:
        raw = read_all(self)
        parts = [type(part)(part.images[::10], part.targets[::10]) for part in (raw.train, raw.test)]
        return type(raw)(*parts, raw.classes)

    module.FashionMini.read = read  # type: ignore[attr-defined]


sys.meta_path.insert(0, Fewer())  # type: ignore[arg-type]
