from __future__ import annotations

import dataclasses
import subprocess
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name

import pytest
from omegaconf import OmegaConf

from lmreg.algo.base import Algorithm
from lmreg.algo.spos import SPOS
from lmreg.commands.evaluate import EvaluateOptions
from lmreg.commands.export import ExportOptions
from lmreg.commands.report import ReportOptions
from lmreg.commands.retrain import RetrainOptions
from lmreg.commands.search import SearchOptions
from lmreg.commands.train_landmarks import LandmarkOptions
from lmreg.config.build import nearest, resolve, typed
from lmreg.config.groups import GROUPS as OPTIONS
from lmreg.config.paths import conf_dir
from lmreg.config.schema import option
from lmreg.errors import LmregError


@dataclass
class Schema:
    rate: float = option(0.5, min=0, max=1)
    count: int | None = option(None, min=1)
    kind: str = option("a", choices=["a", "b"])


def test_values_are_converted_and_missing_ones_take_defaults() -> None:
    assert typed({"rate": "0.25", "_target_": "x"}, Schema, "") == Schema(rate=0.25)
    assert typed({"count": 3}, Schema, "s").count == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rte": 1}, "unknown key 's.rte'; did you mean 'rate'?"),
        ({"zzz": 1}, "unknown key 's.zzz'; there are: count, kind, rate"),
        ({"rate": 2}, "s.rate=2.0: must be between 0 and 1"),
        ({"rate": float("nan")}, "s.rate=nan: must be between 0 and 1"),
        ({"count": 0}, "s.count=0: must be at least 1"),
        ({"count": "many"}, "s.count=many: must be a whole number or null"),
        ({"kind": "c"}, "s.kind=c: must be one of a, b"),
        ({"rate": None}, "s.rate=null: must be a number"),
    ],
)
def test_wrong_values_are_told_in_one_line(values: dict[str, object], message: str) -> None:
    with pytest.raises(LmregError, match=message.replace("?", r"\?")) as error:
        typed(values, Schema, "s")
    assert "\n" not in str(error.value)


def test_a_target_is_resolved_to_its_class_and_config() -> None:
    cls, config = resolve(OmegaConf.create({"_target_": "lmreg.algo.spos.SPOS"}), Algorithm, "algo")
    assert cls is SPOS
    assert config.name == "spos"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("os.system", r"only classes of lmreg are built.*allow_packages=\[os\]"),
        ("builtins.eval", "only classes of lmreg"),
        ("", "only classes of lmreg"),
        ("lmreg.algo.nothing.Here", "No module named"),
        ("lmreg.algo.spos.Nothing", "there is no Algorithm of that name"),
        ("lmreg.reg.none.NoRegulariser", "there is no Algorithm of that name"),
        ("lmreg.cli.main.main", "there is no Algorithm of that name"),
        ("lmregx.evil.Thing", "only classes of lmreg"),
    ],
)
def test_a_config_cannot_name_any_callable(target: str, message: str) -> None:
    with pytest.raises(LmregError, match=message):
        resolve(OmegaConf.create({"_target_": target}), Algorithm, "algo")


def test_a_package_of_ones_own_is_allowed_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(
        "from dataclasses import dataclass\nfrom lmreg.algo.spos import SPOS\n"
        "@dataclass\nclass Options:\n    depth: int = 2\n"
        "class Mine(SPOS):\n    def __init__(self, config: Options):\n        self.config = config\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    node = OmegaConf.create({"_target_": "mine.Mine", "depth": 5})
    cls, config = resolve(node, Algorithm, "algo", allow=["mine"])
    assert cls(config).config.depth == 5
    with pytest.raises(LmregError, match=r"pass 'allow_packages=\[mine,other\]'"):  # all in one line to paste
        resolve(node, Algorithm, "algo", allow=["other"])


def test_nearest_compares_within_the_group() -> None:
    keys = ["reg", "seed", "reg.weight", "reg.warmup", "trainer.weight_decay"]
    assert nearest("reg.wieght", keys) == "; did you mean 'reg.weight'?"
    assert nearest("reg.lamda", keys) == "; there are: reg.warmup, reg.weight"
    assert nearest("sed", keys) == "; did you mean 'seed'?"
    assert nearest("qqq", keys) == "; there are: reg, seed"


GROUPS = [p for p in sorted(conf_dir().glob("*/*.yaml")) if p.parent.name != "hydra"]


@pytest.mark.parametrize("path", GROUPS, ids=lambda p: f"{p.parent.name}={p.stem}")
def test_every_yaml_lists_exactly_its_schemas_keys(path: Path) -> None:
    """`--help` and `--cfg job` show every option, and every option is read."""
    node = OmegaConf.load(path)
    if "_target_" in node:
        _, config = resolve(node, object, path.parent.name)
    else:
        config = typed(node, resolve_name(OPTIONS[path.parent.name].base), path.parent.name)
    assert {f.name for f in dataclasses.fields(config)} == set(node) - {"_target_"}
    if "name" in node:
        assert node.name in (path.stem, f"{path.stem}_{node.get('family')}")


@pytest.mark.parametrize(
    ("command", "schema"),
    [
        *(("train_landmarks", LandmarkOptions), ("search", SearchOptions)),
        *(("evaluate", EvaluateOptions), ("report", ReportOptions)),
        *(("retrain", RetrainOptions), ("export", ExportOptions)),
    ],
)
def test_top_level_keys_match_their_schema(composed, command: str, schema: type) -> None:  # type: ignore[no-untyped-def]
    groups = {p.name for p in conf_dir().iterdir() if p.is_dir()}
    config = composed(command)
    blocks = {f.name for f in dataclasses.fields(schema) if "block" in f.metadata}
    assert {f.name for f in dataclasses.fields(schema)} - blocks == set(config) - groups
    assert blocks <= set(config)
    for field in dataclasses.fields(schema):
        if field.name != "study" and field.default is not dataclasses.MISSING:
            assert config[field.name] == field.default, field.name


def test_help_imports_no_torch() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from lmreg.cli.main import main; "
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0; "
        "print([m for m in ('torch', 'hydra', 'pandas') if m in sys.modules])"
    )
    import sys

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
