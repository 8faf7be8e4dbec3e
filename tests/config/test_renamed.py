"""Old names are still read and mean the same: the same config, hash and folder."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf
from tests.conftest import Compose, InProcess
from tests.settings import folder_of

from lmreg.cli.completion import candidates
from lmreg.config.catalogue import choices
from lmreg.config.identity import config_hash, read_config, result_config
from lmreg.config.renamed import CHOICES, OPTIONS, in_first_names, take_todays_names, with_todays_names
from lmreg.config.values import resolved
from lmreg.rank.finished_run import FinishedRun
from lmreg.util.files import digest

SMALL = ("reg=none", "trainer.steps=2", "network.channels=2", "scoring.images=50", "threads=1")


def test_words_of_a_command_line() -> None:
    given = ["-m", "algo=spos,randomnas", "+strategy.count=2,5", "study=randomnas", "algo=my_randomnas"]
    words, notes = with_todays_names(given)
    assert words == ["-m", "algo=spos,spos_unique", "+strategy.budget=2,5", *given[3:]]
    assert notes == [
        "algo=randomnas is an alias of algo=spos_unique",
        "strategy.count is an alias of strategy.budget",
    ]
    assert with_todays_names(words) == (words, [])


def test_a_class_that_was_renamed() -> None:
    old, new = "lmreg.network.nasbench201.Network", "lmreg.network.nasbench201.NASBench201Network"
    given = [
        f"network._target_={old}",
        f"+network._target_={old},{new}",
        f"study={old}",
        f"x._target_={old}s",
    ]
    words, notes = with_todays_names(given)
    assert words == [f"network._target_={new}", f"+network._target_={new},{new}", *given[2:]]
    assert notes == [f"network._target_={old} is an alias of network._target_={new}"]
    assert with_todays_names(words) == (words, [])


def test_a_group_that_was_renamed() -> None:
    words, notes = with_todays_names(["kind=nds", "kind.family=enas", "path=kind=x"])
    assert words == ["benchmark=nds", "benchmark.family=enas", "path=kind=x"]
    assert notes == ["kind is an alias of benchmark", "kind.family is an alias of benchmark.family"]


def test_todays_names_are_those_that_there_are() -> None:
    for group, changed in CHOICES.items():
        assert set(changed.values()) <= set(choices(group))
        assert not set(changed) & set(choices(group))
    assert OPTIONS["strategy.count"] in (
        word.rstrip("=") for word, _ in candidates("search", [], "strategy.b")
    )


def old(config: Any) -> Any:
    """Return a config as the version with the old names wrote it."""
    config["algo"] = {"_target_": "lmreg.algo.randomnas.RandomNAS", "name": "randomnas"}
    config["network"]["_target_"] = "lmreg.network.nasbench201.Network"
    config["strategy"]["count"] = config["strategy"].pop("budget")
    config["trainer"].pop("untouched", None)
    return config


def test_a_config_keeps_its_hash(composed: Compose) -> None:
    config = result_config(composed("search", "algo=spos_unique", "strategy.budget=7", "reg=none"))
    first = old(result_config(composed("search", "algo=spos_unique", "strategy.budget=7", "reg=none")))
    assert in_first_names(config) == first
    assert config_hash(config) == config_hash(first) == digest(json.dumps(first, sort_keys=True).encode())
    assert config["strategy"]["budget"] == 7  # nothing was renamed in place
    take_todays_names(first)
    assert first == config
    # Evolution's budget has always been called that.
    evolved = result_config(composed("search", "strategy=evolution"))
    assert in_first_names(evolved)["strategy"] == evolved["strategy"]


@pytest.mark.parametrize("name", choices("space"))
def test_every_renamed_class_keeps_the_hash(name: str, composed: Compose) -> None:
    data = ("data=shapes_depth", "task=depth") if name == "depth_decoder" else ()
    config = result_config(composed("search", f"space={name}", "reg=none", "strategy=evolution", *data))
    first = copy.deepcopy(config)
    first["network"]["_target_"] = f"lmreg.network.{name}.Network"
    if name in ("custom", "darts"):
        first["space"]["_target_"] = f"lmreg.space.{name}.{ {'custom': 'Custom', 'darts': 'DARTS'}[name] }"
    assert in_first_names(config) == first
    assert config_hash(config) == digest(json.dumps(first, sort_keys=True).encode())
    take_todays_names(first)
    assert first == config


def test_a_run_of_a_renamed_network_counts_as_finished(in_process: InProcess, tmp_path: Path) -> None:
    """As left by an lmreg whose networks all were a class ``Network``."""
    given = ("search", *SMALL, "strategy.budget=2", f"root={tmp_path}")
    assert in_process(*given)[0] == 0
    (path,) = tmp_path.glob("*/search/*/config.yaml")
    text = path.read_text()
    assert "lmreg.network.nasbench201.NASBench201Network" in text
    path.write_text(text.replace("nasbench201.NASBench201Network", "nasbench201.Network"))
    code, said, errors = in_process(*given)
    assert (code, "finished already" in said, errors) == (0, True, "")
    assert (
        FinishedRun.load(path.parent).config_without()["network"]["_target_"].endswith("NASBench201Network")
    )


def test_an_old_config_file_is_read_under_todays_names(composed: Compose, tmp_path: Path) -> None:
    now = composed("search", "algo=spos_unique", "strategy.budget=7")
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(old(OmegaConf.to_container(now, resolve=True))))
    assert result_config(read_config(path)) == result_config(now)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (["algo=spos_unique"], "randomnas-landmark-s0"),
        (["strategy.budget=5"], "spos-landmark-strategy.count=5-s0"),
        (["strategy.budget=100"], "spos-landmark-strategy.count=100-s0"),  # a default, spelt out
        (
            ["algo=spos_unique", "strategy=evolution", "strategy.budget=50"],
            "randomnas-landmark-strategy.budget=50-strategy=evolution-s0",
        ),
    ],
)
def test_an_old_folder_is_found(given: list[str], name: str, composed: Compose, tmp_path: Path) -> None:
    cfg = composed("search", *given)
    today = folder_of(cfg, given, tmp_path)
    described = yaml.safe_dump(in_first_names(resolved(cfg)))
    for folder in (tmp_path / "search" / name, today):  # today's goes before
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(described)
        assert folder_of(cfg, given, tmp_path) == folder


def aged(folder: Path) -> Path:
    """Change the run in ``folder`` to what an earlier version would have left."""
    described, found = folder / "config.yaml", folder / "result.json"
    described.write_text(yaml.safe_dump(old(yaml.safe_load(described.read_text()))))
    result = json.loads(found.read_text())
    result["overrides"] = [o.replace("strategy.budget", "strategy.count") for o in result["overrides"]]
    found.write_text(json.dumps(result | {"algo": "randomnas"}))
    name = folder.name.replace("spos_unique", "randomnas").replace("strategy.budget", "strategy.count")
    return folder.rename(folder.with_name(name))


def test_old_runs_count_as_the_same(in_process: InProcess, tmp_path: Path) -> None:
    today = ("algo=spos_unique", "strategy.budget=2", *SMALL, f"root={tmp_path}")
    before = ("algo=randomnas", "strategy.count=2", *SMALL, f"root={tmp_path}")
    code, said, errors = in_process("search", *before)
    assert (code, "finished already" in said) == (0, False)
    assert errors.splitlines()[:2] == [
        "algo=randomnas is an alias of algo=spos_unique",
        "strategy.count is an alias of strategy.budget",
    ]
    (folder,) = tmp_path.glob("*/search/*")
    assert folder.name.startswith("spos_unique-none-")
    code, said, errors = in_process("search", *today)
    assert (code, "finished already" in said, errors) == (0, True, "")

    older = aged(folder)
    for given in (today, before):
        code, said, errors = in_process("search", *given)
        assert (code, "finished already" in said) == (0, True), errors
    finished = FinishedRun.load(older)
    assert finished.label(set(), seed=False).startswith("spos_unique none ")
    assert "strategy.budget=2" in finished.result["overrides"]
    assert finished.config_without() == FinishedRun.load(older).config_without()
    code, said, _ = in_process("runs", f"root={tmp_path}")
    assert re.search(r"spos_unique\s+none", said)

    # One that was interrupted goes on in its folder, from its checkpoint.
    (older / "result.json").unlink()
    code, said, errors = in_process("search", *today)
    assert (code, "resuming at step 2 of 2" in said) == (0, True), errors
    assert [p.name for p in tmp_path.glob("*/search/*")] == [older.name]
    assert json.loads((older / "result.json").read_text())["algo"] == "spos_unique"


def test_help_and_completion_know_the_old_names(in_process: InProcess) -> None:
    code, said, errors = in_process("search", "algo=randomnas", "strategy.count=3", "--help")
    assert code == 0
    assert "[spos_unique]" in said
    assert "algo=randomnas is an alias of algo=spos_unique" in errors
    words = [word for word, _ in candidates("search", ["algo=randomnas"], "strategy.b")]
    assert words == ["strategy.budget="]
