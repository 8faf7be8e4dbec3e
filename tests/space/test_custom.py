from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lmreg.config.build import choice_of, resolve
from lmreg.config.resolvers import part_of_file
from lmreg.errors import LmregError
from lmreg.space.base import Space
from lmreg.space.custom import Config, Custom

CONV = {"_target_": "torch.nn.Conv2d", "in_channels": "$c_in", "out_channels": "$c_out", "kernel_size": 1}
SKIP = {"_target_": "torch.nn.Identity"}


def stage(**keys: Any) -> dict[str, Any]:
    return {"width": 4, "choices": {"a": CONV, "b": [CONV], "skip": SKIP}} | keys


def test_the_first_layer_of_a_stage_has_no_identity() -> None:
    space = Custom(Config("mine", stages=[stage(layers=2), stage()]))
    assert space.options == (("a", "b"), ("a", "b", "skip"), ("a", "b"))
    arch = space.parse("b+skip|a")
    assert (arch.choices, space.format(arch)) == ((1, 2, 0), "b+skip|a")
    with pytest.raises(LmregError, match="not an architecture of mine; expected 2 stages"):
        space.parse("skip+a|a")


def test_lmregs_example_says_what_it_is() -> None:
    """Who forgot the path would think that their own network is searched."""
    config = choice_of("space", "custom", Space)[1]
    assert Custom(config).note == "no space.path is given, so custom is lmreg's own example of a space"
    assert not Custom(replace(config, path="mine.yaml")).note
    assert not Custom(Config(stages=[stage()])).note


def test_identities_have_any_place_in_their_stage() -> None:
    other = {"a": CONV, "b": [CONV, {"_target_": "torch.nn.ReLU"}], "skip": SKIP}
    space = Custom(Config(stages=[stage(layers=3, choices=other), stage()]))
    keys = [space.canonical(space.parse(text)) for text in ("a+skip+b|b", "a+b+skip|b", "b+a+skip|b")]
    assert keys[0] == keys[1] != keys[2]


def test_one_module_under_two_names_is_one_choice() -> None:
    other = {"a": CONV, "b": [CONV, {"_target_": "torch.nn.ReLU"}], "c": [dict(reversed(CONV.items()))]}
    space = Custom(Config(stages=[stage(layers=2, choices=other), stage()]))
    keys = [space.canonical(space.parse(text)) for text in ("a+c|a", "c+a|b", "a+b|a", "c+b|a")]
    assert keys[0] == keys[1] != keys[2] == keys[3]


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([], "has no stages"),
        ([stage(), 3], r"space\.stages\[1\]=3: must be a mapping"),
        ([stage(widht=3)], r"unknown key 'space\.stages\[0\]\.widht'; did you mean 'width'"),
        ([stage(width=0)], r"space\.stages\[0\]\.width=0: must be at least 1"),
        ([stage(choices={"a": CONV})], "give at least two"),
        ([stage(choices={"a": CONV, "b+c": CONV})], r"choices\.b\+c: a choice's name"),
        ([stage(choices={"a": CONV, 3: CONV})], r"choices\.3: a choice's name"),
        ([stage(choices=["a", "b"])], r"choices=.*: must be a mapping from names"),
        ([stage(), {"choices": {}}], r"space\.stages\[1\] has no width"),
        ([{"width": 3}], "has no choices"),
        (
            [stage(choices={"a": CONV, "b": [CONV, {"groups": 1}]})],
            r"choices\.b\[1\]: must be a mapping with _t",
        ),
        ([stage(choices={"a": CONV, "b": 3})], r"choices\.b: must be a mapping with _target_"),
        ([stage(choices={"a": CONV, "b": []})], r"choices\.b: must be a mapping with _target_"),
        ([stage(choices={"a": CONV, "s": SKIP, "t": SKIP})], "s and t are the same, identities"),
        ([stage(choices={"a": CONV, "b": CONV | {"groups": "$c_inn"}})], r"b\.groups=\$c_inn: .*\$c_in"),
    ],
)
def test_wrong_stages_are_told_with_their_place(stages: list[Any], message: str) -> None:
    with pytest.raises(LmregError, match=message):
        Custom(Config(stages=stages))


def test_only_modules_of_torch_and_of_allowed_packages() -> None:
    wrong = [stage(), stage(choices={"a": CONV, "b": {"_target_": "os.system"}})]
    node: Any = {"_target_": "lmreg.space.custom.Custom", "stages": wrong}
    with pytest.raises(LmregError, match=r"space\.stages\[1\]\.choices\.b\._target_=os\.system: only"):
        resolve(node, Space, "space")
    assert resolve(node, Space, "space", allow=["os"])[0] is Custom


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stages: [1]\nmore: 2\n", "must have the key 'stages' and no other; it has stages, more"),
        ("stages:\n  - {a: 1, a: 2}\n", "line 2: found duplicate key a"),
        ("stages: [", "line"),
    ],
)
def test_wrong_files_are_told(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.yaml"
    with pytest.raises(LmregError, match=r"can't read .*mine\.yaml: No such file"):
        part_of_file(str(file), "stages", "")
    file.write_text(text)
    with pytest.raises(LmregError, match=message):
        part_of_file(str(file), "stages", "")


def test_without_a_file_there_is_an_example() -> None:
    cls, config = choice_of("space", "custom", Space)
    assert cls(config).size == 2 * 3 * 2 * 3 * 3  # type: ignore[call-arg]


def test_a_pipe_is_no_file_of_stages(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.yaml")
    with pytest.raises(LmregError, match=r"mine.yaml is a pipe, a socket or a device; name a file"):
        part_of_file(str(tmp_path / "mine.yaml"), "stages", "")
