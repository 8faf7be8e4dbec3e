from __future__ import annotations

from pathlib import Path

from lmreg.identity import config_hash, differences, result_config
from lmreg.names import run_folder, run_name


def test_only_what_changes_results_is_hashed(composed) -> None:  # type: ignore[no-untyped-def]
    def hashed(*overrides: str) -> str:
        return config_hash(result_config(composed("search", "data=cifar10", *overrides)))

    same = ["root=x", "study=y", "device=cpu", "threads=1", "checkpoint_seconds=1", "data.path=/x"]
    assert {hashed(*same), hashed()} == {hashed()}
    for override in ("seed=1", "reg.weight=5", "trainer.steps=9", "data.resolution=16", "network.cells=2"):
        assert hashed(override) != hashed(), override
    assert hashed("reg.weight=10.0") == hashed("reg.weight=10")  # the same number however written


def test_differences_name_the_keys() -> None:
    old = {"a": 1, "b": {"c": 2, "d": 3}, "gone": 1}
    assert differences(old, {"a": 1, "b": {"c": 5, "d": 3}, "new": 2}) == [
        "b.c: 2 -> 5",
        "gone: 1 -> None",
        "new: None -> 2",
    ]
    stages = [{"width": 4, "choices": {"a": [{"k": 1}], "b": [{"k": 2}]}}, {"width": 8}]
    changed = [{"width": 4, "choices": {"a": [{"k": 3}], "c": 2}}, {"width": 8}]
    assert differences({"stages": stages, "of": [1, 2]}, {"stages": changed, "of": [1, 3]}) == [
        "of: [1, 2] -> [1, 3]",
        "stages.0.choices.a.0.k: 1 -> 3",
        "stages.0.choices.b: [{'k': 2}] -> None",
        "stages.0.choices.c: None -> 2",
    ]


def test_run_names(composed) -> None:  # type: ignore[no-untyped-def]
    def name(*overrides: str) -> str:
        return run_name(composed("search", *overrides), list(overrides))

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


def test_a_default_spelt_out_names_no_other_run(composed, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    def name(*overrides: str) -> str:
        return run_name(composed("search", *overrides), list(overrides))

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
    overrides = [f"root={tmp_path}", "reg.weight=10"]
    searches = tmp_path / "nasbench201-fashion_mini" / "search"
    cfg = composed("search", *overrides)
    assert run_folder(cfg, overrides) == searches / "spos-landmark-s0"
    older = searches / "spos-landmark-reg.weight=10-s0"
    older.mkdir(parents=True)
    assert run_folder(cfg, overrides) == older
    (searches / "spos-landmark-s0").mkdir()
    assert run_folder(cfg, overrides) == searches / "spos-landmark-s0"
