"""Completion in the three real shells, one of them at a terminal."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class

from lmreg.cli.completion import candidates
from lmreg.cli.main import main


def words(line: str) -> list[str]:
    """Return what the last word of a line after its command may become."""
    command, *before, last = line.split(" ")
    return [word for word, _ in candidates(command, before, last)]


def test_groups_choices_and_keys() -> None:
    assert words("search al") == ["algo=", "allow_packages="]
    assert "algo=spos" in words("search algo=")
    assert "reg=landmark" in words("search -m reg=none,landmark data=cifar10 reg=l")
    assert words("search reg=none,") == ["reg=none,landmark"]  # a sweep; none of them twice
    assert words("search reg.we") == ["reg.weight="]
    assert words("search +reg.we") == ["+reg.weight="]
    assert words("search land") == ["landmarks."]
    assert words("search landmarks.") == ["landmarks.rounds=", "landmarks.add=", "landmarks.acquire="]
    assert words("train-landmarks land") == ["landmarks=", "landmarks."]
    assert words("search re") == ["reg=", "reg."]
    assert words("search nothing") == words("search nothing=") == words("search seed=") == []
    assert "workers=" in words("train-landmarks ")
    assert "workers=" not in words("search ")
    assert not [w for w in words("evaluate ") if w.startswith(("reg", "algo"))]


def test_keys_belong_to_the_choices_on_the_line() -> None:
    assert words("search reg=none reg.") == []
    assert words("search -m reg=none,landmark reg.") == []  # Hydra would refuse them too
    assert "data.path=" in words("search data=cifar10 data.")
    assert "data.path=" not in words("search data.")
    assert words("search reg=none reg=landmark reg.we") == ["reg.weight="]  # the last one counts
    assert "seed=" not in words("search seed=1 ")  # given already


def test_the_networks_options_are_those_of_the_space() -> None:
    assert words("search space=macro network.") == ["network.channels="]
    assert words("search network.") == ["network.channels=", "network.cells=", "network.affine="]
    meanings = dict(candidates("search", ["space=macro"], "network"))
    assert meanings["network="].endswith("nasbench201, nds (default: macro)")


def test_values() -> None:
    found = words("search reg.schedule=co")
    assert {"reg.schedule=constant", "reg.schedule=cosine_increase"} <= set(found)
    assert all(word.startswith("reg.schedule=co") for word in found)
    assert words("search data.flip=") == ["data.flip=true", "data.flip=false"]
    assert words("search data.flip=true,") == ["data.flip=true,false"]
    assert words("search --c") == ["--cfg"]
    assert words("search --cfg ") == ["job", "hydra", "all"]


def test_benchmarks_and_their_files(tmp_path: Path) -> None:
    assert words("import-benchmark b") == ["benchmark=", "benchmark."]
    assert words("import-benchmark benchmark=na") == [
        "benchmark=nasbench101",
        "benchmark=nasbench201",
        "benchmark=nats_bench",
    ]
    assert words("import-benchmark benchmark=nats_bench benchmark.dataset=I") == [
        "benchmark.dataset=ImageNet16-120"
    ]
    (tmp_path / "all.tfrecord").touch()
    for key in ("path", "out"):
        assert words(f"import-benchmark {key}={tmp_path}/a") == [f"{key}={tmp_path}/all.tfrecord"]


def test_paths_and_studies(tmp_path: Path) -> None:
    (tmp_path / "my study" / "search").mkdir(parents=True)
    (tmp_path / "table.csv").touch()
    assert words(f"evaluate root={tmp_path} study=m") == ["study=my study"]
    assert words(f"search data=cifar10 data.path={tmp_path}/") == [
        f"data.path={tmp_path}/my study/",
        f"data.path={tmp_path}/table.csv",
    ]
    assert words("search root=/no/such/folder/") == []


@pytest.fixture
def path(tmp_path: Path) -> dict[str, str]:
    """Return an environment with a command ``lmreg``."""
    script = tmp_path / "bin" / "lmreg"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lmreg "$@"\n')
    script.chmod(0o755)
    return {**os.environ, "PATH": f"{script.parent}:{os.environ['PATH']}", "TERM": "dumb", "PS1": "> "}


CALLS = {
    "lmreg se": ["search"],
    "lmreg search reg.we": ["reg.weight="],
    "lmreg search algo=sp": ["spos"],  # bash has split the rest off at =
    "lmreg search -m reg=none,lan": ["none,landmark"],
    "lmreg search data=": ["cifar10", "fashion_mini"],
    "lmreg search 'data=cif": ["cifar10"],
    "lmreg completion ": ["bash", "zsh", "fish"],
}


def test_bash_gets_what_belongs_behind_its_word_breaks(path: dict[str, str]) -> None:
    calls = "".join(
        f'COMP_LINE="{line}" COMP_POINT={len(line)}; _lmreg_completion lmreg; echo "${{COMPREPLY[*]}}"\n'
        for line in CALLS
    )
    script = f'eval "$(lmreg completion bash)"\n{calls}'
    done = subprocess.run(["bash", "--norc", "-c", script], env=path, capture_output=True, text=True)
    assert done.stderr == ""
    for line, answer in zip(CALLS.values(), done.stdout.splitlines(), strict=True):
        assert set(line) <= set(answer.split())


def typed(shell: list[str], setup: str, keys: str, env: dict[str, str], until: str) -> str:
    """Return what a shell at a terminal shows after ``keys``, once ``until`` appears."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe(shell[0], shell, env)
    shown = ""

    def wait_for(what: str) -> None:
        nonlocal shown
        deadline = time.monotonic() + 20
        while what not in shown and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 4096).decode(errors="replace")

    try:
        os.write(terminal, f"{setup}; echo rea''dy\n".encode())
        wait_for("ready")
        shown = ""
        os.write(terminal, f"{keys}\x01echo \n".encode())  # to the line's start: say it, don't do it
        wait_for(until)
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    return shown


@pytest.mark.parametrize(
    ("keys", "becomes"),
    [
        ("lmreg sea\talgo=fa\tx", "lmreg search algo=fairnas x"),
        ("lmreg search reg.we\t5 x", "lmreg search reg.weight=5 x"),  # no space behind =
        ("lmreg search -m reg=none,l\tx", "lmreg search -m reg=none,landmark x"),
    ],
)
def test_bash_at_a_terminal(path: dict[str, str], keys: str, becomes: str) -> None:
    setup = 'bind "set enable-bracketed-paste off"; eval "$(lmreg completion bash)"'
    shown = typed(["bash", "--norc", "--noprofile", "-i"], setup, keys, path, becomes)
    assert becomes in shown


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_at_a_terminal(path: dict[str, str]) -> None:
    setup = (
        'autoload -U compinit; compinit -u -D; unsetopt zle_bracketed_paste; eval "$(lmreg completion zsh)"'
    )
    keys, becomes = "lmreg sea\treg.we\t5 algo=sp\tx", "lmreg search reg.weight=5 algo=spos x"
    shown = typed(["zsh", "-f", "-i"], setup, keys, path, becomes)
    assert becomes in shown


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_fish(path: dict[str, str]) -> None:
    asked = "complete -C 'lmreg search reg=none,'; complete -C 'lmreg search reg.we'"
    script = f"lmreg completion fish | source; {asked}"
    done = subprocess.run(["fish", "--no-config", "-c", script], env=path, capture_output=True, text=True)
    assert done.stderr == ""
    first, second = (line.partition("\t") for line in done.stdout.splitlines())
    assert first[0] == "reg=none,landmark"
    assert second[0] == "reg.weight="
    assert "λ" in second[2]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_asks_in_the_same_way(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_WORDS", "lmreg search reg.wei")
    cls = get_completion_class(shell)
    assert cls is not None
    answer = cls(main, {}, "lmreg", "_LMREG_COMPLETE").complete()
    assert answer.partition("\t")[0] == "reg.weight="


def test_completion_is_quick_and_imports_no_torch(path: dict[str, str]) -> None:
    code = (
        "import sys, time; start = time.process_time(); from lmreg.cli.completion import candidates; "
        "candidates('search', ['data=cifar10'], 'reg.'); candidates('search', [], 'reg.schedule='); "
        "print(time.process_time() - start, [m for m in ('torch', 'hydra', 'pandas') if m in sys.modules])"
    )
    # Seconds of work, not of waiting for other processes.
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, _, modules = out.stdout.strip().partition(" ")
    assert modules == "[]"
    assert float(seconds) < 0.3
