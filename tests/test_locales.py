"""In locales other than UTF-8, lmreg still reads its own files, and no output makes a run fail."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lmreg
from lmreg.util.machine import replace_unencodable_output

LOCALES = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("locale", LOCALES, ids=lambda locale: "-".join(locale.values()))
def test_help_is_shown(locale: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lmreg", "search", "reg=landmark", "--help"],
        env=os.environ | locale,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"? at its highest" in done.stdout
    assert b"reg.weight=10.0" in done.stdout


@pytest.mark.parametrize(
    ("encoding", "errors", "shown"),
    [
        ("ascii", "strict", "? 5, caf? ?"),
        ("latin-1", "strict", "? 5, café ?"),
        ("ascii", "surrogateescape", "? 5, caf? ?"),
        ("utf-8", "strict", "λ 5, café ?"),
        ("utf-8", "surrogateescape", "λ 5, café \udcff"),
        ("ascii", "backslashreplace", "? 5, caf? ?"),
    ],
)
def test_unencodable_characters_are_replaced(
    monkeypatch: pytest.MonkeyPatch, encoding: str, errors: str, shown: str
) -> None:
    written = io.BytesIO()
    out = io.TextIOWrapper(written, encoding=encoding, errors=errors)
    monkeypatch.setattr(sys, "stdout", out)
    replace_unencodable_output()
    print("λ 5, café \udcff", end="")
    out.flush()
    assert written.getvalue().decode(encoding, "surrogateescape") == shown


def test_every_file_is_opened_with_its_encoding() -> None:
    """Without one, Python would use the locale's encoding, unless the mode is binary."""
    found = []
    for path in sorted(Path(lmreg.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            # Other `open` methods are of images, records, archives.
            others = ("Image.open", "gzip.open", "Records.open", "self.open")
            opens = name in ("read_text", "write_text", "open") and ast.unparse(node.func) not in others
            modes = [a.value for a in node.args if isinstance(a, ast.Constant)]
            binary = any("b" in str(mode) for mode in modes)
            if opens and not binary and "encoding" not in [keyword.arg for keyword in node.keywords]:
                found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    assert found == []
