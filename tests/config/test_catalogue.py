"""What help and completion say is what the schemas and Hydra say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lmreg.commands.evaluate import EvaluateOptions
from lmreg.commands.export import ExportOptions
from lmreg.commands.import_benchmark import ImportOptions
from lmreg.commands.retrain import RetrainOptions
from lmreg.commands.runs import RunsOptions
from lmreg.commands.search import SearchOptions
from lmreg.commands.train_landmarks import LandmarkOptions
from lmreg.config import catalogue
from lmreg.config.build import resolve
from lmreg.config.paths import conf_dir
from lmreg.config.source import config_fields, options_fields
from lmreg.landmarks.rounds import RoundsConfig
from lmreg.rank.scoring import ScoringConfig
from lmreg.rank.tracking import TrackingConfig
from lmreg.train.optimise import TrainerConfig

CHOICES = [(p.parent.name, p.stem) for p in sorted(conf_dir().glob("*/*.yaml")) if p.parent.name != "hydra"]


def same(found: dict[str, object], schema: type) -> None:
    """The fields read from source are those of the class, with their ranges."""
    for field in dataclasses.fields(schema):
        mine = found[field.name]
        about = {key: field.metadata.get(key) for key in ("min", "max")}
        assert {key: getattr(mine, key) for key in about} == about, field.name
        given = field.metadata.get("choices")
        assert getattr(mine, "choices") == (tuple(given) if given else None), field.name  # noqa: B009
    assert set(found) == {f.name for f in dataclasses.fields(schema)}


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_schemas_read_from_source_are_the_real_ones(group: str, choice: str) -> None:
    node = OmegaConf.load(conf_dir() / group / f"{choice}.yaml")
    if "_target_" in node:
        _, config = resolve(node, object, group)
        same(config_fields(node._target_), type(config))  # type: ignore[arg-type]
    else:
        schema = {"trainer": TrainerConfig, "scoring": ScoringConfig, "tracking": TrackingConfig}[group]
        assert catalogue.SCHEMAS[group] == f"{schema.__module__}.{schema.__name__}"
        same(config_fields(catalogue.SCHEMAS[group], of_class=False), schema)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "schema"),
    [
        ("train-landmarks", LandmarkOptions),
        ("search", SearchOptions),
        ("evaluate", EvaluateOptions),
        ("retrain", RetrainOptions),
        ("export", ExportOptions),
        ("runs", RunsOptions),
        ("import-benchmark", ImportOptions),
    ],
)
def test_options_of_commands_too(command: str, schema: type) -> None:
    same(options_fields(command), schema)  # type: ignore[arg-type]
    options = {o.key: o.field for o in catalogue.top_options(command) if "." not in o.key}
    assert options == options_fields(command)


def test_blocks_of_options_too() -> None:
    options = {o.key: o.field for o in catalogue.top_options("search")}
    fields = {key.removeprefix("landmarks."): f for key, f in options.items() if key.startswith("landmarks.")}
    same(fields, RoundsConfig)  # type: ignore[arg-type]


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


def test_what_cannot_be_understood_is_nothing() -> None:
    assert config_fields("os.path") == config_fields("lmreg.no.Such") == config_fields("") == {}
    assert config_fields("lmreg.reg.landmark.Nothing") == {}


@pytest.mark.parametrize("overrides", [(), ("reg=none", "data=cifar10"), ("space=macro",)])
def test_keys_and_defaults_are_those_that_hydra_composes(composed, overrides: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
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


@pytest.mark.parametrize(
    "path", sorted(conf_dir().rglob("*.yaml")), ids=lambda p: f"{p.parent.name}-{p.stem}"
)
def test_every_option_has_a_comment(path: Path) -> None:
    """`--help` shows it."""
    if path.parent.parent.name == "hydra":
        return
    assert [o.key for o in catalogue._options(path) if not o.comment] == []


def test_a_comment_may_go_on_below_itself(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(
        "# a head\none: 1   # first\n         # second\n# not its\ntwo: 'a # b'\nsix: {x: 1}  # y\n"
    )
    assert [(o.key, o.default, o.comment) for o in catalogue._options(path)] == [
        ("one", "1", "first second"),
        ("two", "'a # b'", ""),
        ("six.x", "1", ""),
    ]
