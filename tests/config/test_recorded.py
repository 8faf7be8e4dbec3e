"""Hashes, folder names and study names that runs already have must never change."""

from __future__ import annotations

import pytest
from tests.settings import overridden

from lmreg.config.identity import config_hash, earlier_hashes, result_config
from lmreg.experiment.run_name import run_name, shown_overrides

# Recorded before options were declared in one place. Each: command, overrides, hash, the hash of earlier
# versions, study, and the run's name; for other commands than search the overrides that tell it.
RECORDED = [
    ("search", [], "ce998e92af857494", "d18954241cd933ab", "nasbench201-fashion_mini", "spos-landmark-s0"),
    (
        "search",
        ["seed=3", "reg=none", "root=/tmp/x", "device=cpu", "threads=2", "data=cifar10", "data.path=/a"],
        "ef3660f55b6ff37b",
        "3d352e967af897be",
        "nasbench201-cifar10",
        "spos-none-s3",
    ),
    (
        "search",
        [
            "algo=gdas",
            "algo.temperature=5",
            "reg.weight=5",
            "reg.schedule=constant",
            "trainer.steps=9",
            "log_every=7",
        ],
        "ed5d788e0e09efe0",
        "ed7f56d91a4f2f4d",
        "nasbench201-fashion_mini",
        "gdas-landmark-algo.temperature=5-reg.schedule=constant-reg.weight=5-trainer.steps=9-s0",
    ),
    (
        "search",
        ["algo=nao", "algo.pool=7", "strategy=evolution", "strategy.max_params=9000", "scoring.by=accuracy"],
        "73680d0f2cf62793",
        "18e62352b507a667",
        "nasbench201-fashion_mini",
        "nao-landmark-algo.pool=7-scoring.by=accuracy-strategy.max_params=9000-strategy=evolution-s0",
    ),
    (
        "search",
        ["space=darts", "algo=darts2", "algo.alpha_lr=3e-4"],
        "52a0e91415e0b47d",
        "d1d28123c3219535",
        "darts-fashion_mini",
        "darts2-landmark-algo.alpha_lr=0.0003-s0",
    ),
    (
        "search",
        ["space=darts", "network.affine=true"],
        "cdb27c3e8f4fe45c",
        "f793fe5449251c44",
        "darts-fashion_mini",
        "spos-landmark-network.affine=true-s0",
    ),
    (
        "search",
        [
            "space=nds",
            "space.family=enas",
            "network.affine=true",
            "trainer.untouched=skip",
            "tracking.pool=4",
        ],
        "6d0ceee7128e6e74",
        "c3f9b038fe51fa61",
        "nds_enas-fashion_mini",
        "spos-landmark-network.affine=true-trainer.untouched=skip-s0",
    ),
    (
        "search",
        ["space=custom", "landmarks.rounds=2", "landmarks.add=9", "tensorboard=true"],
        "0d0d141aead17ad7",
        "610bc6bb076cc62a",
        "custom-fashion_mini",
        "spos-landmark-landmarks.add=9-landmarks.rounds=2-s0",
    ),
    (
        "search",
        ["space=macro", "network=macro", "network.channels=16", "trainer=standalone", "trainer.paths=100"],
        "26cfb6d84b01ee4d",
        "518c1a666bb0b7c2",
        "macro-fashion_mini",
        "spos-landmark-network.channels=16-trainer.paths=100-trainer=standalone-s0",
    ),
    (
        "search",
        [
            "space=mbconv",
            "space.depths=[1,1,1]",
            "data=folder",
            "data.path=/a/my images",
            "data.value_range=[0,4095]",
            "data.flip=true",
        ],
        "7da00018eba69272",
        "46eb200b73f37ad7",
        "mbconv-my_images",
        "spos-landmark-data.flip=true-data.value_range=_0_4095_-space.depths=_1_1_1_-s0",
    ),
    (
        "search",
        [
            "space=depth_decoder",
            "task=depth",
            "data=shapes_depth",
            "network.encoder_lr=0.5",
            "deterministic=false",
        ],
        "8da32823b2f27142",
        "d0f278aacf314e41",
        "depth_decoder-shapes_depth",
        "spos-landmark-network.encoder_lr=0.5-s0",
    ),
    (
        "search",
        ["data=hub", "data.hub=x/birds", "data.label_column='a b, c'", "study=mine", "checkpoint_seconds=1"],
        "e6a563a60ad75dda",
        "b888f510bf625c5b",
        "mine",
        "spos-landmark-data.hub=x_birds-data.label_column=_a_b_c_-s0",
    ),
    (
        "search",
        [
            "data=cifar100",
            "data.crop_padding=2",
            "space=nasbench101",
            "network.affine=false",
            "trainer.weight_decay=1e-3",
        ],
        "06698cf8ca2723e9",
        "44f8515d42964e44",
        "nasbench101-cifar100",
        "spos-landmark-data.crop_padding=2-network.affine=false-trainer.weight_decay=0.001-s0",
    ),
    (
        "search",
        [
            "data=depth_folder",
            "data.path=/d",
            "data.inverse=true",
            "task=depth",
            "task.trim=0.1",
            "space=depth_decoder",
            "space.upsampling=[bilinear,nearest]",
        ],
        "47899f8c74ddb3cc",
        "4e985ce174f57166",
        "depth_decoder-d",
        "spos-landmark-data.inverse=true-space.upsampling=_bilinear_nearest_-task.trim=0.1-s0",
    ),
    (
        "search",
        [
            "data=fashion_mnist",
            "algo=pcdarts",
            "algo.partial=2",
            "reg.passes=soft_oneshot",
            "scoring.norm=recalibrate",
        ],
        "37bf728c85447fc5",
        "27ff73de97b79145",
        "nasbench201-fashion_mnist",
        "pcdarts-landmark-algo.partial=2-reg.passes=soft_oneshot-scoring.norm=recalibrate-s0",
    ),
    (
        "train_landmarks",
        ["landmarks=table", "landmarks.path=/t.csv", "landmarks.count=40", "workers=2"],
        "a08f61b5c0692bb8",
        "a08f61b5c0692bb8",
        "nasbench201-fashion_mini",
        ["landmarks.count=40", "landmarks.path=/t.csv", "landmarks=table"],
    ),
    (
        "train_landmarks",
        [
            "selector=stratified",
            "selector.strata=5",
            "landmarks.seeds=2",
            "trainer.epochs=5",
            "data.resolution=16",
        ],
        "680b966493dda5b1",
        "680b966493dda5b1",
        "nasbench201-fashion_mini",
        [
            "data.resolution=16",
            "landmarks.seeds=2",
            "selector.strata=5",
            "selector=stratified",
            "trainer.epochs=5",
        ],
    ),
    (
        "retrain",
        ["space=darts", "arch=x", "cutout=16", "trainer.epochs=20", "seeds=1", "log_every=9"],
        "e865c45e591d52ee",
        "fe83b9980194bd1b",
        "darts-fashion_mini",
        ["arch=x", "cutout=16", "seeds=1", "trainer.epochs=20"],
    ),
    (
        "retrain",
        ["trainer.lr=0.1", "label_smoothing=0", "folder=here", "confidence=0.9"],
        "643010c488432ebd",
        "86bc99d356cc0136",
        "nasbench201-fashion_mini",
        ["confidence=0.9", "folder=here", "label_smoothing=0", "trainer.lr=0.1"],
    ),
]


@pytest.mark.parametrize(("command", "overrides", "digest", "earlier", "study", "name"), RECORDED)
def test_identities_stay(
    command: str, overrides: list[str], digest: str, earlier: str, study: str, name: str | list[str]
) -> None:
    cfg = overridden(command, *overrides)
    assert config_hash(result_config(cfg)) == digest
    assert earlier_hashes(cfg) == {earlier}
    assert str(cfg.study) == study
    if command == "search":
        assert run_name(cfg, overrides) == name
    else:
        assert shown_overrides(command.replace("_", "-"), cfg, overrides) == name
