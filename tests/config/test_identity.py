from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf
from tests.settings import folder_of, name_of, overridden

from lmreg.config.identity import config_hash, differences, earlier_hashes, result_config
from lmreg.config.values import settled
from lmreg.experiment.run_name import shown_overrides


def test_only_what_changes_results_is_hashed() -> None:
    def hashed(*overrides: str) -> str:
        return config_hash(result_config(overridden("search", "data=cifar10", *overrides)))

    same = ["root=x", "study=y", "device=cpu", "threads=1", "checkpoint_seconds=1", "data.path=/x"]
    same += ["log_every=7", "tracking.pool=4", "tensorboard=true"]
    plain = hashed()
    assert hashed(*same) == plain
    for override in ("seed=1", "reg.weight=5", "trainer.steps=9", "data.resolution=16", "network.cells=2"):
        assert hashed(override) != plain, override
    assert hashed("reg.weight=10.0") == hashed("reg.weight=10")  # the same number however written


def test_differences_name_the_keys() -> None:
    old = {"a": 1, "b": {"c": 2, "d": 3}, "gone": 1}
    assert differences(old, {"a": 1, "b": {"c": 5, "d": 3}, "new": 2}) == [
        "b.c: 2 -> 5",
        "gone: 1 -> null",
        "new: null -> 2",
    ]
    stages = [{"width": 4, "choices": {"a": [{"k": 1}], "b": [{"k": 2}]}}, {"width": 8}]
    changed = [{"width": 4, "choices": {"a": [{"k": 3}], "c": 2}}, {"width": 8}]
    assert differences({"stages": stages, "of": [1, 2]}, {"stages": changed, "of": [1, 3]}) == [
        "of: [1,2] -> [1,3]",
        "stages.0.choices.a.0.k: 1 -> 3",
        "stages.0.choices.b: [{k:2}] -> null",
        "stages.0.choices.c: null -> 2",
    ]


def test_run_names() -> None:
    def name(*overrides: str) -> str:
        return name_of(overridden("search", *overrides), list(overrides))

    assert name() == "spos-landmark-s0"
    assert name("reg=none", "seed=3", "root=/tmp/x", "device=cpu", "data=cifar10") == "spos-none-s3"
    assert name("trainer.steps=9", "reg.weight=5") == "spos-landmark-reg.weight=5-trainer.steps=9-s0"
    assert name("space=macro", "network.channels=8") == "spos-landmark-s0"
    assert name("space=macro", "network.channels=4") == "spos-landmark-network.channels=4-s0"
    assert (
        name("landmarks.rounds=2", "landmarks.add=9") == "spos-landmark-landmarks.add=9-landmarks.rounds=2-s0"
    )
    assert "/" not in name("+data.path=/a/b/../c") + name("study=a/b")
    steps = [f"trainer.{key}=0.{i:020d}" for i, key in enumerate(("lr", "lr_min", "momentum", "lr_warmup"))]
    long = name(*steps, "trainer.weight_decay=0.00000000000000000001", "trainer.clip=0.00000000000000000002")
    other = name(*steps, "trainer.weight_decay=0.00000000000000000001", "trainer.clip=0.00000000000000000003")
    assert len(long.encode()) < 200
    assert long != other


def test_a_default_spelt_out_names_no_other_run(tmp_path: Path) -> None:
    def name(*overrides: str) -> str:
        return name_of(overridden("search", *overrides), list(overrides))

    for same in (
        *("reg.weight=10", "reg.weight=10.0", "strategy=random", "trainer=supernet", "trainer.steps=null"),
        *(
            "trainer.weight_decay=0.0005",
            "data.flip=false",
            "reg.schedule=cosine_increase",
            "tensorboard=true",
        ),
        "landmarks.add=9",  # of one round: adds none
    ):
        assert name(same) == "spos-landmark-s0", same
    # The default of the choice that is made, not of another one.
    assert name("data=cifar10", "data.flip=true") == "spos-landmark-s0"
    assert name("data=cifar10", "data.flip=false") == "spos-landmark-data.flip=false-s0"
    assert name("trainer=standalone", "trainer.epochs=12") == (
        "spos-landmark-trainer.epochs=12-trainer=standalone-s0"
    )
    # A run of an earlier lmreg is found under its old name.
    overrides = [f"root={tmp_path}", "reg.weight=10", "log_every=7"]
    searches = tmp_path / "nasbench201-fashion_mini" / "search"
    cfg = overridden("search", *overrides)
    assert folder_of(cfg, overrides) == searches / "spos-landmark-s0"
    older = searches / "spos-landmark-log_every=10-reg.weight=10-s00"
    older.mkdir(parents=True)
    written = OmegaConf.to_yaml(overridden("search", "seed=00", "log_every=10"), resolve=True)
    (older / "config.yaml").write_text(written + "landmarks_hash: abc\n")
    assert folder_of(cfg, overrides) == older
    (searches / "spos-landmark-s0").mkdir()
    assert folder_of(cfg, overrides) == older
    (searches / "spos-landmark-s0" / "config.yaml").write_text(written)
    assert folder_of(cfg, overrides) == searches / "spos-landmark-s0"
    other = overridden("search", f"root={tmp_path}", "seed=1")
    assert folder_of(other, ["seed=1"]) == searches / "spos-landmark-s1"


SAME = [
    (["seed=0"], ["seed=00"], ["seed=000"], ["++seed=0"], ["seed='0'"], [], ["log_every=9"]),
    (["trainer.lr=0.1"], ["trainer.lr=.1"], ["trainer.lr=1e-1"], ["trainer.lr='0.1'"], ["trainer.lr=0.10"]),
    (["data.flip=true"], *([f"data.flip={yes}"] for yes in ("True", "yes", "on", "1", "'true'"))),
    (["trainer.steps=null"], ["trainer.steps=Null"], ["trainer.steps=NULL"], []),
    (["space=mbconv", "space.depths=[1,1,1]"], ["space=mbconv", "space.depths=[1, 1,  1]"]),
    (
        ["trainer=standalone", "trainer.epochs=3"],
        ["trainer=standalone"],
        ["trainer=standalone", "trainer.epochs=3.0"],
    ),
    (
        ["data=folder", "data.path=/a/b"],
        ["data=folder", "data.path=/a/b/"],
        ["data=folder", "data.path=/a/./b"],
    ),
    (["scoring.by=loss"], ["scoring.by='loss'"], []),
]


@pytest.mark.parametrize("ways", SAME, ids=lambda ways: ways[0][-1])
def test_one_config_is_one_run_however_it_is_spelt(ways: tuple[list[str], ...]) -> None:
    configs = [overridden("search", *way) for way in ways]
    assert len({folder_of(cfg, way) for cfg, way in zip(configs, ways, strict=True)}) == 1
    assert len({config_hash(result_config(cfg)) for cfg in configs}) == 1
    assert len({settled(cfg).data.get("path") for cfg in configs}) == 1


def test_an_override_in_a_name_can_be_given_again() -> None:
    given = ["data=hub", "data.hub=x/birds", "data.label_column='a b, c'"]
    told = shown_overrides("search", overridden("search", *given), given)
    assert told == ["data.hub=x/birds", "data.label_column='a b, c'"]
    again = overridden("search", "data=hub", *told)
    assert folder_of(again, told) == folder_of(overridden("search", *given), given)


def test_the_hash_of_an_earlier_lmreg_is_known() -> None:
    cfg = OmegaConf.create(
        {"seed": "00", "log_every": 10, "study": "x", "data": {"path": "/x", "flip": "yes"}}
    )
    assert earlier_hashes(cfg) == {config_hash({"seed": "00", "log_every": 10, "data": {"flip": "yes"}})}
