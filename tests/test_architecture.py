"""``docs/architecture.md`` is true: its diagram shows the imports of lmreg, its table names what exists."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections import defaultdict
from pathlib import Path

import lmreg
from tests.documents import DOCS, PAGES, blocks

PACKAGE = Path(lmreg.__file__).parent
PAGE = PAGES[DOCS / "architecture.md"]
(DIAGRAM,) = blocks(PAGE, "mermaid")
BOXES = {box: names.split("<br>") for box, names in re.findall(r'^ *(\w+)\["([^"]+)"\]', DIAGRAM, re.M)}
ARROWS = {(above, below) for above, below in re.findall(r"^ *(\w+) --> (\w+)$", DIAGRAM, re.M)}
OF_NAME = {name: box for box, names in BOXES.items() for name in names}


def modules() -> dict[str, Path]:
    """All modules of lmreg by their name without ``lmreg.``; the package itself has none."""
    paths = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    names = {
        ".".join(path.with_suffix("").parts).removesuffix("__init__").rstrip("."): path for path in paths
    }
    return {name: PACKAGE / path for name, path in names.items() if name}


def imported(path: Path) -> set[str]:
    """The modules of lmreg that a file imports, within functions too."""
    known, found = modules(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in names if name.removeprefix("lmreg.") in known} or {str(node.module)}
    return {name.removeprefix("lmreg.") for name in found if name.startswith("lmreg.")}


def box(module: str) -> str | None:
    """The box that names the module, or the package nearest above it."""
    parts = module.split(".")
    return next(
        (OF_NAME[name] for n in range(len(parts), 0, -1) if (name := ".".join(parts[:n])) in OF_NAME), None
    )


def imports_between_boxes() -> dict[tuple[str, str], list[str]]:
    """The imports from a module of one box to one of another."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for module, path in modules().items():
        for other in imported(path):
            ends = box(module), box(other)
            if ends[0] != ends[1] and None not in ends:
                found[ends].append(f"{module} imports {other}")  # type: ignore[index]
    return found


def below(start: str) -> set[str]:
    """The boxes that arrows lead to from ``start``, in any number of steps."""
    reached: set[str] = set()
    front = {start}
    while front:
        front = {end for begin, end in ARROWS if begin in front} - reached
        reached |= front
    return reached


def test_every_module_is_in_the_diagram_and_nothing_else() -> None:
    assert len(BOXES) > 8
    assert [name for name in modules() if box(name) is None] == []
    assert [name for name in OF_NAME if name not in modules()] == []


def test_imports_follow_the_arrows() -> None:
    against = [
        f"{first}, but no arrow leads from {ends[0]} to {ends[1]}"
        for ends, (first, *_) in imports_between_boxes().items()
        if ends[1] not in below(ends[0])
    ]
    assert against == []


def test_arrows_go_one_way_and_each_is_an_import() -> None:
    assert [start for start in BOXES if start in below(start)] == []
    assert {end for arrow in ARROWS for end in arrow} == set(BOXES)
    assert ARROWS - imports_between_boxes().keys() == set()


def test_no_arrow_is_implied_by_others() -> None:
    implied = [(start, end) for start, end in ARROWS if any(end in below(m) for s, m in ARROWS if s == start)]
    assert implied == []


PLACES = re.findall(r"`(src/lmreg/[\w/]+\.py):([\w.]+)`", PAGE)


def test_what_the_table_names_is_there() -> None:
    assert len(PLACES) >= 15
    for file, name in PLACES:
        module = importlib.import_module(file.removeprefix("src/").removesuffix(".py").replace("/", "."))
        found: object = module
        for part in name.split("."):
            assert hasattr(found, part), f"{file} has no {name}"
            found = getattr(found, part)
        defined = getattr(found, "__module__", module.__name__)
        assert defined == module.__name__, f"{name} is defined in {defined}, not in {file}"


def test_every_question_of_the_table_has_a_place() -> None:
    (table,) = re.findall(r"^\| question \|.*?(?=^$)", PAGE, re.M | re.S)
    for row in table.splitlines()[2:]:
        assert re.search(r"`src/lmreg/\S+\.py:\S+`|`conf/\S+`", row), row


def test_a_named_function_says_what_it_does() -> None:
    for file, name in PLACES:
        module = importlib.import_module(file.removeprefix("src/").removesuffix(".py").replace("/", "."))
        found: object = module
        for part in name.split("."):
            found = getattr(found, part)
        if inspect.isfunction(found) or inspect.isclass(found):
            assert inspect.getdoc(found), f"{name} in {file} has no docstring"
