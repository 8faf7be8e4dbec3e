"""What help and completion say is what the dataclasses declare, and what Hydra composes."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name

import pytest
from omegaconf import OmegaConf
from tests.conftest import ROOT, Compose

from lmreg.commands.evaluate import EvaluateOptions
from lmreg.commands.export import ExportOptions
from lmreg.commands.import_benchmark import ImportOptions
from lmreg.commands.report import ReportOptions
from lmreg.commands.retrain import RetrainOptions
from lmreg.commands.runs import RunsOptions
from lmreg.commands.search import SearchOptions
from lmreg.commands.train_landmarks import LandmarkOptions
from lmreg.config import catalogue
from lmreg.config.build import resolve, schema_of, typed
from lmreg.config.groups import GROUPS
from lmreg.config.index import Fields, index
from lmreg.config.paths import conf_dir
from lmreg.landmarks.rounds import RoundsConfig
from lmreg.network.cells import Config as CellConfig
from lmreg.rank.proxy_scores import ProxiesConfig

CHOICES = [(p.parent.name, p.stem) for p in sorted(conf_dir().glob("*/*.yaml")) if p.parent.name != "hydra"]


def test_what_is_checked_in_is_what_the_dataclasses_declare() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "conf.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"run 'python scripts/conf.py' and commit what it writes: {done.stdout}"


def test_every_folder_of_choices_is_a_declared_group() -> None:
    assert {path.name for path in conf_dir().iterdir() if path.is_dir()} == GROUPS.keys() | {"hydra"}


def same(found: Fields, schema: type) -> None:
    """Check that the fields in the index are those of the class, with their ranges and help."""
    for field in dataclasses.fields(schema):
        if "block" in field.metadata:
            continue
        mine = found[field.name]
        about = {key: field.metadata.get(key) for key in ("min", "max")}
        assert {key: getattr(mine, key) for key in about} == about, field.name
        given = field.metadata.get("choices")
        assert mine.choices == (tuple(given) if given else None), field.name
        assert mine.help == field.metadata.get("help", "")
    assert set(found) == {f.name for f in dataclasses.fields(schema) if "block" not in f.metadata}


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_the_index_has_the_fields_of_every_choice(group: str, choice: str) -> None:
    node = OmegaConf.load(conf_dir() / group / f"{choice}.yaml")
    if "_target_" in node:
        cls, config = resolve(node, object, group)
        assert schema_of(cls) is type(config)
        same(index().node_fields(group, node._target_), type(config))
    else:
        schema = resolve_name(GROUPS[group].base)
        same(index().node_fields(group, None), schema)


@pytest.mark.parametrize(
    ("command", "schema"),
    [
        ("train-landmarks", LandmarkOptions),
        ("search", SearchOptions),
        ("evaluate", EvaluateOptions),
        ("report", ReportOptions),
        ("retrain", RetrainOptions),
        ("export", ExportOptions),
        ("runs", RunsOptions),
        ("import-benchmark", ImportOptions),
    ],
)
def test_options_of_commands_too(command: str, schema: type) -> None:
    options = {o.key: o.field for o in catalogue.top_options(command)}
    assert options == index().commands[command.replace("-", "_")]
    same({key: field for key, field in options.items() if field and "." not in key}, schema)


def test_blocks_of_options_too() -> None:
    options = {o.key: o.field for o in catalogue.top_options("search")}
    fields = {key.removeprefix("landmarks."): f for key, f in options.items() if key.startswith("landmarks.")}
    same(fields, RoundsConfig)  # type: ignore[arg-type]
    assert index().node_fields("landmarks", None) == fields


def test_what_options_mean_for_results() -> None:
    """These lists decide which results are the same, and how folders are called: change them knowingly."""
    assert index().no_result == {
        *("study", "root", "device", "threads", "workers", "checkpoint_seconds", "allow_packages"),
        *(
            "tracking",
            "tensorboard",
            "deterministic",
            "log_every",
            "data.path",
            "space.path",
            "proxies.workers",
        ),
    }
    assert index().once_result == {"log_every"}
    assert index().named == {"seed", "algo.name", "reg.name", "space.path", "space.family"}
    assert {name for name, group in GROUPS.items() if group.named_by} == {
        *("algo", "reg", "space", "data", "task")
    }
    assert index().before == {
        "network.affine": True,
        "trainer.paths": None,
        "trainer.untouched": "decay",
        "data.value_range": None,
        "landmarks.acquire": "best",
        **{f"proxies.{name}": value for name, value in vars(ProxiesConfig()).items() if name != "workers"},
    }
    shared = {
        field.name
        for schema in (EvaluateOptions, ReportOptions)
        for field in dataclasses.fields(schema)
        if not field.metadata["sweep_folder"]
    }
    assert shared == {"study", "root", "run", "device", "threads", "allow_packages"}


def test_a_config_without_a_younger_option_means_what_was_done_before() -> None:
    assert not CellConfig().affine
    assert typed({}, CellConfig, "network").affine


def test_the_network_follows_the_space() -> None:
    for command in ("search", "train-landmarks"):
        assert catalogue.groups(command)["network"] == "nasbench201"
        for overrides, networks in (
            (["space=macro"], ["macro"]),
            (["space=nasbench201,macro"], ["nasbench201", "macro"]),
            (["space=macro", "network=nasbench201"], ["nasbench201"]),
        ):
            assert catalogue.chosen(command, overrides)["network"] == networks
    in_both = {o.key for o in catalogue.options("search", ["space=nasbench201,macro"])}
    assert "network.channels" in in_both
    assert "network.cells" not in in_both


def test_the_index_knows_no_other_classes() -> None:
    for target in ("os.path", "lmreg.no.Such", "lmreg.reg.landmark.Nothing"):
        assert index().node_fields("reg", target) == {}


def test_a_yaml_file_written_by_hand_has_keys_without_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "algo").mkdir()
    (tmp_path / "algo" / "mine.yaml").write_text("_target_: mine.Mine\nname: mine\nrate: 0.5\n")
    monkeypatch.setattr(catalogue, "conf_dir", lambda: tmp_path)
    assert catalogue.group_options("algo", "mine") == [catalogue.Option("algo.rate", "0.5")]


@pytest.mark.parametrize("overrides", [(), ("reg=none", "data=cifar10"), ("space=macro",)])
def test_keys_and_defaults_are_those_that_hydra_composes(
    composed: Compose, overrides: tuple[str, ...]
) -> None:
    for command in ("search", "train_landmarks", "evaluate", "retrain"):
        mine = [o for o in overrides if o.partition("=")[0] in catalogue.groups(command)]
        config = composed(command, *mine)
        found = {o.key: o.default for o in catalogue.options(command, mine)}
        for key, written in found.items():
            if "${" not in written:
                value = OmegaConf.create(f"it: {written}").it
                assert OmegaConf.select(config, key) == value, key
        composed_keys = {
            f"{group}.{key}" for group, node in config.items() if OmegaConf.is_dict(node) for key in node
        }
        hidden = {key for key in composed_keys if key.endswith((".name", "._target_"))}
        assert {key for key in found if "." in key} == composed_keys - hidden


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_option_has_a_help(group: str, choice: str) -> None:
    """`--help` shows it, and so does the yaml file."""
    assert [o.key for o in catalogue.group_options(group, choice) if not o.meaning] == []


@pytest.mark.parametrize("command", catalogue.commands())
def test_every_option_of_a_command_has_a_help(command: str) -> None:
    assert [o.key for o in catalogue.top_options(command) if not o.meaning] == []
