"""Completion scripts for bash, zsh and fish.

click's own scripts can't complete words like ``reg.weight=``: bash splits them at ``=``, no shell may put a
space after them, and fish would cut ``algo=spos,fairnas`` at the comma. These scripts call lmreg with the
line up to the cursor in ``COMP_WORDS`` and read lines of ``<word><tab><meaning>``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from typing import Any

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class

HOW_TO = {
    "bash": 'add to ~/.bashrc:  eval "$(lmreg completion bash)"',
    "zsh": 'add to ~/.zshrc, after compinit:  eval "$(lmreg completion zsh)"',
    "fish": "once:  lmreg completion fish > ~/.config/fish/completions/lmreg.fish",
}


class Shell(ShellComplete):
    """What the three shells have in common."""

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_WORDS"]
        words = _split(line)
        unfinished = words.pop() if words and not re.search(r"(?<!\\)\s$", line) else ""
        return words[1:], unfinished

    def format_completion(self, item: CompletionItem[Any]) -> str:
        meaning = " ".join((item.help or "").split())
        return f"{item.value}\t{meaning}" if meaning else str(item.value)


def _split(line: str) -> list[str]:
    """Split a line into words; a quote that is still open ends with the line."""
    for end in ("", "'", '"'):
        with contextlib.suppress(ValueError):
            return shlex.split(line + end)
    return line.split()


class Bash(Shell):
    """Bash: replies omit the part of the word that bash has already split off."""

    name = "bash"
    source_template = """\
%(complete_func)s() {
    mapfile -t COMPREPLY < <(COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_BREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
    [[ ${COMPREPLY[0]-} == *[=./] ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        words, unfinished = super().get_completion_args()
        breaks = set(os.environ.get("COMP_BREAKS", "=:")) & set("=:@")
        self._split_off = max((i + 1 for i, letter in enumerate(unfinished) if letter in breaks), default=0)
        return words, unfinished

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return re.sub(r"([^\w@%+=:,./~-])", r"\\\1", str(item.value)[self._split_off :])


class Zsh(Shell):
    """Zsh: words that aren't complete go to a list of their own, which adds no space after them."""

    name = "zsh"
    source_template = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local -a whole whole_shown open open_shown
    local line word shown
    for line in "${(@f)$(COMP_WORDS="${(j: :)words[1,CURRENT-1]} $PREFIX" \\
            %(complete_var)s=zsh_complete ${(Q)words[1]} 2>/dev/null)}"; do
        word=${line%%%%$'\\t'*} shown=${line/$'\\t'/  -- }
        [[ -z $word ]] && continue
        if [[ $word == *[=./] ]]; then
            open+=($word) open_shown+=($shown)
        else
            whole+=($word) whole_shown+=($shown)
        fi
    done
    (( $#open )) && compadd -l -S '' -V open -d open_shown -a open
    (( $#whole )) && compadd -l -V whole -d whole_shown -a whole
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""


class Fish(Shell):
    """Fish: it adds no space after =, . and / by itself."""

    name = "fish"
    source_template = """\
function %(complete_func)s
    set -l words (commandline -opc)
    COMP_WORDS=(commandline -cp | string collect) %(complete_var)s=fish_complete $words[1] 2>/dev/null
end
complete --command %(prog_name)s --no-files --keep-order --arguments "(%(complete_func)s)"
"""


for _shell in (Bash, Zsh, Fish):
    add_completion_class(_shell)
