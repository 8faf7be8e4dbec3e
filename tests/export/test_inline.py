from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import pytest

from lmreg.errors import LmregError
from lmreg.export.inline import inlined_source

ONE = """
import math
from os import path, sep
from two import other

LIMIT = 3  # a constant with its comment
UNUSED = 4


def size():
    return UNUSED


@staticmethod
def helper(size):
    unused = size + LIMIT
    return unused


class Kept:
    def root(self):
        return math.sqrt(helper(1)) + len(sep)


def wanted():
    return Kept().root() + lmreg_helper()
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules that can be imported as sub-modules of lmreg."""
    import lmreg

    monkeypatch.setattr(lmreg, "__path__", [*lmreg.__path__, str(tmp_path)])
    yield tmp_path  # type: ignore[misc]
    for name in [name for name in sys.modules if name.startswith("lmreg.inlined_")]:
        del sys.modules[name]


def module(folder: Path, name: str, source: str) -> object:
    (folder / f"{name}.py").write_text(source)
    importlib.invalidate_caches()
    return importlib.import_module(f"lmreg.{name}")


def test_exactly_the_used_definitions_are_collected(package: Path) -> None:
    module(
        package,
        "inlined_two",
        "from math import pi\nSCALE = 2\n\ndef helper_of_two():\n    return SCALE * pi\n",
    )
    source = ONE.replace("from two import other", "from lmreg.inlined_two import helper_of_two")
    one = module(package, "inlined_one", source.replace("lmreg_helper", "helper_of_two"))
    text = inlined_source(one.wanted)  # type: ignore[attr-defined]
    assert "lmreg" not in text
    assert "LIMIT = 3  # a constant with its comment" in text
    assert "@staticmethod\ndef helper(size):" in text
    kept = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert sorted(kept) == ["Kept", "helper", "helper_of_two", "wanted"]
    assert (kept[-1], kept.index("helper") < kept.index("Kept")) == ("wanted", True)
    assert {line for line in text.splitlines() if "import" in line} == {
        *("from __future__ import annotations", "import math", "from math import pi", "from os import sep")
    }
    made: dict[str, object] = {}
    exec(text, made)
    assert made["wanted"]() == one.wanted()  # type: ignore[operator,attr-defined]


def test_a_name_with_two_definitions_is_refused(package: Path) -> None:
    module(package, "inlined_two", "LIMIT = 1\n\ndef second():\n    return LIMIT\n")
    source = "from lmreg.inlined_two import second\nLIMIT = 2\n\ndef first():\n    return LIMIT + second()\n"
    one = module(package, "inlined_one", source)
    with pytest.raises(
        LmregError, match=r"LIMIT can't be exported: it is defined in both lmreg\.inlined_one"
    ):
        inlined_source(one.first)  # type: ignore[attr-defined]
    source = source.replace("import second", "import second as renamed").replace("second()", "renamed()")
    again = module(package, "inlined_three", source)
    with pytest.raises(LmregError, match="renamed can't be exported: it has another name"):
        inlined_source(again.first)  # type: ignore[attr-defined]
