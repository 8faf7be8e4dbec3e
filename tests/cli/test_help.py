from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from lmreg.cli.help import show_help


def shown(capsys: pytest.CaptureFixture[str], *call: str) -> str:
    show_help(call[0], call[1:])
    return capsys.readouterr().out


def test_options_are_those_of_the_choices_given(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "search", "data=cifar10", "reg=none")
    assert "  data.path=null  " in text
    assert "folder with <split>*.parquet, or cifar-10-batches-py" in text
    assert "reg.weight=10.0" not in text
    assert "[none]" in text
    assert "reg.weight=10.0" in shown(capsys, "search")


def test_only_the_groups_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "evaluate")
    assert "data" in text
    for other in ("algo", "trainer", "reg=", "strategy"):
        assert other not in text


def test_meaning_and_range_stand_beside_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, "search").splitlines()
    (warmup,) = [line for line in lines if "reg.warmup=0.4" in line]
    assert "share of the training before the regulariser acts; 0 to 1" in warmup
    assert max(map(len, lines)) <= 110
    assert all(line == line.rstrip() for line in lines)


def in_terminal(columns: int, **environment: str) -> str:
    """Return the help as a terminal of so many columns gets it."""
    code = "from lmreg.cli.help import show_help; show_help('search', [])"
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    unset = ("NO_COLOR", "COLUMNS", "LINES", "FORCE_COLOR")
    env = {k: v for k, v in os.environ.items() if k not in unset} | {"TERM": "xterm-256color"} | environment
    process = subprocess.Popen([sys.executable, "-c", code], stdout=theirs, env=env)
    os.close(theirs)
    parts = []
    try:
        while part := os.read(ours, 65536):
            parts.append(part)
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    return b"".join(parts).decode().replace("\r\n", "\n")


def plain(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


@pytest.mark.parametrize(("columns", "widest"), [(40, 40), (80, 80), (250, 110)])
def test_it_fits_the_terminal(columns: int, widest: int) -> None:
    lines = [line for line in plain(in_terminal(columns)) if not line.lstrip().startswith("lmreg ")]
    assert widest * 0.6 < max(len(line) for line in lines) <= widest


def test_no_color_is_respected() -> None:
    colours = re.compile(r"\x1b\[[0-9;]*(3|4|9)\d")
    assert not colours.search(in_terminal(80, NO_COLOR="1"))
