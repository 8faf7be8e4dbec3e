"""Words of a command line: text with any characters, options given once, sweeps with values."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from tests.conftest import Compose, InProcess
from tests.settings import overridden

from lmreg.config.arguments import as_text, checked, quoted, quoted_texts, split_values, word
from lmreg.errors import LmregError

ODD = [
    *(
        "新加卷2",
        "hash#1",
        "par(1)",
        "br[a]ck",
        "quote'd",
        "amp&x",
        "a=b",
        "$HOME",
        "back\\slash",
        'double"quote',
    ),
    *(
        " spaces ",
        "-dash",
        "😀",
        "/home/josé/ü (1)",
        "{a: b}",
        "a:b",
        "!x",
        "%",
        "?*",
        "@",
        "x;y",
        "a|b",
        "`ls`",
    ),
    *(
        "\\",
        "\\'",
        "'a",
        'b"',
        "it's \\'here\\'",
        "~nobody_of_that_name/x",
        "null ",
        "true",
        "007",
        "1e3",
        "..x",
    ),
    *("+a", "two\nlines", "tab\there", "<x>", "^", "study=x", "a=b=c", "range", "glob(*", "'it''s'"),
]


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize(("command", "key"), [("search", "data.path"), ("evaluate", "study")])
def test_a_path_or_a_name_takes_any_characters(composed: Compose, command: str, key: str, text: str) -> None:
    if key == "study":
        text = text.replace("/", "-")
    more = ["data=folder"] if key == "data.path" else []
    args = checked(command, quoted_texts(command, [*more, f"{key}={text}"]))
    found = composed(command, *args)
    assert (found.data.path if key == "data.path" else found.study) == text
    # In a sweep too, and as lmreg itself writes it for a shell.
    (given,) = shlex.split(word(key, text))
    (arg,) = checked("search", ["-m", *quoted_texts("search", [f"{given},other"])])[1:]
    (override,) = OverridesParser.create().parse_overrides([arg])
    texts = [overridden("search", *more, f"{key}={one}") for one in override.sweep_string_iterator()]
    bare = text if given != f"{key}={text}" else text.strip()  # several values lose the spaces around them
    assert [(c.data.path if key == "data.path" else c.study) for c in texts] == [bare, "other"]


@pytest.mark.parametrize(
    ("value", "values"),
    [
        ("a/spos-none-s0", ["a/spos-none-s0"]),
        ("a/x=1-s0,b (2)/y", ["a/x=1-s0", "b (2)/y"]),
        ("'a,b/x','c'", ["a,b/x", "c"]),
        ('"a,b/x", c', ["a,b/x", "c"]),
        (r"'it\'s, here/x'", ["it's, here/x"]),
        ("it's/x", ["it's/x"]),
        ("it's,here's", ["it's", "here's"]),
        ("'a'b,c", ["'a'b", "c"]),
        ("a,", ["a", ""]),
        ("", [""]),
    ],
)
def test_values_and_what_hydra_reads_as_them(value: str, values: list[str]) -> None:
    assert split_values(value) == values
    assert split_values(quoted(values)) == values
    (read,) = OverridesParser.create().parse_overrides([f"run={quoted(values)}"])
    found = list(read.sweep_string_iterator()) if read.is_sweep_override() else [quoted([str(read.value())])]
    assert [split_values(str(one))[0] for one in found] == values


@pytest.mark.parametrize(
    ("path", "printed"),
    [
        ("out/spos-none-s0", "run=out/spos-none-s0"),
        ("par (1)", "'run=par (1)'"),
        ("a,b", "'run=\"a,b\"'"),
        ("null", "'run=\"null\"'"),
        ("range(3)", "'run=\"range(3)\"'"),
    ],
)
def test_what_is_printed_can_be_pasted(path: str, printed: str) -> None:
    assert word("run", Path(path)) == printed
    (given,) = shlex.split(printed)
    assert split_values(given.partition("=")[2]) == [path]
    assert as_text("path", given.partition("=")[2]) == path


def test_the_home_folder_may_be_abbreviated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/josé (1)")

    def read(*args: str) -> list[str]:
        return quoted_texts("search", args)

    assert read("data.path=~/images") == ["data.path='/home/josé (1)/images'"]
    assert read("data.path=~/a,~/b") == ["data.path='/home/josé (1)/a','/home/josé (1)/b'"]
    assert read("data.path=~") == ["data.path='/home/josé (1)'"]
    assert read("own.path=~/x") == ["own.path=/home/josé (1)/x"]  # of a class that isn't lmreg's
    for untouched in ("~reg.weight", "-m", "seed=1", "data.path=null", "~reg"):
        assert read(untouched) == [untouched]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("-m seed=0,00", "Error: seed=0,00: 0 and 00 are the same; give each value once"),
        ("-m reg.weight=10,5,10.0", "reg.weight=10,5,10.0: 10 and 10.0 are the same"),
        ("-m trainer.lr=.1,1e-1", "0.1 is given twice"),
        ("-m data.flip=yes,true", "the same; give"),
        ("-m data=folder data.path=a,./a/", "data.path=a,./a/: a and ./a/ are the same; give"),
        ("-m algo=spos,spos", "algo=spos,spos: spos is given twice; give each value once"),
        ("-m seed=0,0", "seed=0,0: 0 is given twice; give each value once"),
        (
            "-m seed=0,1 seed=2",
            "seed is given twice, seed=0,1 and seed=2; give it once, all its values in one",
        ),
        ("seed=0 seed=1", "Error: seed is given twice, seed=0 and seed=1; give it once"),
        ("reg=none reg=landmark", "reg is given twice"),
        ("+reg.weight=1 reg.weight=2", "reg.weight is given twice"),
        ("-m seed=glob(*)", "seed=glob(*): a glob matches names of choices only"),
        ("-m algo=glob(x*)", "algo=glob(x*): no value at all; there are: darts"),
        ("-m seed=range(0,0)", "seed=range(0,0): no value at all"),
        ("-m reg.weight=interval(0,1)", "a sweep can't draw from an interval; list the values"),
        ("seed=range(0,3)", "seed=range(0,3): several values; for a sweep over them add -m"),
        ("algo=glob(*)", "algo=glob(*): several values; for a sweep over them add -m"),
        ("seed=choice(0,1)", "seed=choice(0,1): several values; for a sweep over them add -m"),
        ("study=a,b", "several values; for a sweep over them add -m; quote one that has a comma itself"),
        ("study=", "study=: must not be empty"),
        ("-m study=a,", "study=: must not be empty"),
        ("study=a/b", "study=a/b: must be the name of one folder, without /"),
        ("study=..", "study=..: must be the name of one folder"),
        ("study=.", "study=.: must be the name of one folder"),
        ("study=null", "study=null: must be text"),
        ("root=", "root=: must not be empty; a dot is the current folder"),
        ("data=folder data.path=", "data.path=: must not be empty"),
        ("seed=", "seed=: must be a whole number"),
        ("seed=-1", "seed=-1: must be at least 0"),
        ("seed=1.5", "seed=1.5: must be a whole number"),
        ("seed=1e-3", "seed=0.001: must be a whole number"),
        ("seed=True", "seed=true: must be a whole number"),
        ("data=folder data.path=${x}", "Interpolation key 'x' not found"),
        ("data=folder data.path=a${b", "data.path=a${b: after ${ the name of an option is expected"),
        ("study=\udce4", "the locale's encoding lacks its characters"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_line(
    in_process: InProcess, call: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, errors = in_process("search", *call.split())
    assert (code, out) == (2, "")
    assert says in errors
    assert errors.startswith("Error: ")
    assert errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_option_given_twice_with_one_value_is_that() -> None:
    given = checked(
        "search", ["seed=1", "seed=01", "reg.weight=10", "++reg.weight=10.0", "-m", "algo=glob(da*)"]
    )
    assert given == ["seed=1", "reg.weight=10", "-m", "algo=darts,darts2"]


def test_a_library_call_is_held_to_the_same(composed: Compose) -> None:
    from lmreg.config.build import typed
    from lmreg.experiment.study import Options

    for study in ("", "a/b", "."):
        with pytest.raises(LmregError, match="study="):
            typed({"study": study}, Options, "")
