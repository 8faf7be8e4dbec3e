from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from lmreg.config.following import run_folders, run_value


@pytest.mark.parametrize(
    ("value", "folders"),
    [
        ("a/spos-none-s0", ["a/spos-none-s0"]),
        ("a/x=1-s0,b (2)/y", ["a/x=1-s0", "b (2)/y"]),
        ("'a,b/x','c'", ["a,b/x", "c"]),
        ('"a,b/x", c', ["a,b/x", "c"]),
        (r"'it\'s, here/x'", ["it's, here/x"]),
        ("it's/x", ["it's/x"]),
        ("", []),
    ],
)
def test_folders_of_a_value_and_what_hydra_reads_as_them(value: str, folders: list[str]) -> None:
    assert run_folders(value) == folders
    if folders:
        (read,) = OverridesParser.create().parse_overrides([f"run={run_value(folders)}"])
        found = list(read.sweep_string_iterator()) if read.is_sweep_override() else [read.value()]
        assert [str(one).strip("'").replace("\\'", "'") for one in found] == folders
