"""``lmreg COMMAND --help``: the choices and options that the command has under the choices already given."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

import yaml
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lmreg.config import catalogue
from lmreg.config.build import unknown_choice
from lmreg.config.paths import conf_dir
from lmreg.errors import LmregError
from lmreg.util.progress import console

_WIDEST = 110  # longer lines are hard to read
_NARROW = 70  # in terminals below this width meanings go below the options


def show_help(command: str, overrides: Sequence[str]) -> None:
    """Print the help of ``command``, whose text is in ``conf/hydra/help/<command>.yaml``."""
    _check_choices(command, overrides)
    out = console(widest=_WIDEST)
    path = conf_dir() / "hydra" / "help" / f"{command.replace('-', '_')}.yaml"
    text = yaml.safe_load(path.read_text(encoding="utf-8"))["template"]
    for part in re.split(r"(\$\w+)\n", text.rstrip() + "\n"):
        if part == "$APP_CONFIG_GROUPS":
            _print(out, _groups(command, overrides))
        elif part == "$CONFIG":
            _print(out, _options(command, overrides, out.width < _NARROW))
        else:
            for line in part.splitlines():
                print(_wrapped(line, out.width))


def _print(out: Console, table: Table) -> None:
    """Print a table as rich does, without the spaces that fill each line."""
    with out.capture() as captured:
        out.print(table)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _check_choices(command: str, overrides: Sequence[str]) -> None:
    there = catalogue.groups(command)
    for override in overrides:
        group, _, value = override.lstrip("+").partition("=")
        for choice in value.split(",") if group in there else ():
            if not catalogue.is_choice(group, choice):
                raise LmregError(unknown_choice(group, choice, catalogue.choices(group)))


def _wrapped(line: str, width: int) -> str:
    """Wrap a line, its continuations indented to where its last column starts."""
    if line.lstrip().startswith("lmreg "):
        return line  # a command to copy
    column = re.match(r"\s*(\S+( \S+)*\s{2,})?", line)
    indent = " " * (len(column[0]) if column else 0)
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False)


def _groups(command: str, overrides: Sequence[str]) -> Table:
    table = _columns()
    now = catalogue.chosen(command, overrides)
    for group in catalogue.groups(command):
        names = [f"[{name}]" if name in now[group] else name for name in catalogue.choices(group)]
        table.add_row(Text(f"  {group}", "bold"), Text(", ".join(names)))
    table.add_row("", Text("[in brackets]: the choices that the options below belong to", "dim"))
    return table


def _options(command: str, overrides: Sequence[str], narrow: bool) -> Table:
    parts: dict[str, list[catalogue.Option]] = {"": catalogue.top_options(command)}
    for option in catalogue.options(command, overrides)[len(parts[""]) :]:
        parts.setdefault(option.key.partition(".")[0], []).append(option)
    now = catalogue.chosen(command, overrides)
    table = _columns(1 if narrow else 2)

    def add(name: Text, about: str) -> None:
        if not narrow:
            table.add_row(name, about)
            return
        table.add_row(name)
        if about:
            table.add_row(Padding(Text(about, "dim"), (0, 0, 0, 6)))

    for group, members in parts.items():
        if group:
            table.add_row()
            about = catalogue.choice_summary(group, now[group][0]) if len(now[group]) == 1 else ""
            add(Text(f"  {group}={','.join(now[group])}", "bold"), about)
        for option in members:
            add(Text(f"  {option.key}={option.default}"), _about(option))
    return table


def _about(option: catalogue.Option) -> str:
    """The option's meaning, and its range unless the meaning lists it."""
    field, meaning = option.field, option.meaning
    listed = field is None or (field.choices and all(choice in meaning for choice in field.choices))
    valid = "" if listed or field is None else field.range
    return "; ".join(filter(None, (meaning, valid)))


def _columns(count: int = 2) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for number in range(count):  # a long default must not leave the meanings without room
        table.add_column(overflow="fold", max_width=44 if number == 0 and count > 1 else None)
    return table
