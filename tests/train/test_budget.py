"""Budgets count paths, so that all algorithms evaluate the same number of images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import Compose

from lmreg.algo.base import Algorithm
from lmreg.algo.fairnas import FairNAS
from lmreg.config.build import typed
from lmreg.config.catalogue import choices
from lmreg.errors import LmregError
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.truth import LandmarkSet
from lmreg.reg.base import Regulariser
from lmreg.reg.landmark import Config, Landmark
from lmreg.reg.none import NoRegulariser
from lmreg.space.macro import NASBenchMacro
from lmreg.space.nasbench201 import NASBench201
from lmreg.train.optimise import TrainerConfig
from lmreg.train.training import Training

SMALL = ("network.channels=4", "trainer.batch_size=8", "threads=1")


def training(composed: Compose, algo: str, reg: Regulariser, *overrides: str) -> Training:
    study = Study(composed("search", f"algo={algo}", *SMALL, *overrides), Options(threads=1))
    return study.training(study.part("algo", Algorithm), reg)


def images_through(training: Training) -> int:
    """Return how many images the super-net evaluates in the whole training, repetitions included."""
    counts: list[int] = []
    training.ctx.net.register_forward_hook(lambda net, inputs, output: counts.append(len(inputs[0])))
    training.run()
    return sum(counts)


def landmark() -> Landmark:
    space, rng = NASBench201(), np.random.default_rng(0)
    archs = tuple(space.sample(rng) for _ in range(12))
    landmarks = LandmarkSet(archs, np.arange(12.0)[::-1], np.full(12, np.nan), "acc", 1)
    return Landmark(Config(warmup=0.0, schedule="constant"), landmarks)


@pytest.mark.parametrize("budget", ["trainer.epochs=0.2", "trainer.paths=20"])
def test_a_sweep_compares_equals(composed: Compose, budget: str) -> None:
    """The numbers of images through paths and of landmark pairs are equal."""
    of_paths, of_landmarks = {}, {}
    for algo in ("spos", "fairnas"):
        alone = training(composed, algo, NoRegulariser(), budget)
        of_paths[algo] = images_through(alone)
        assert of_paths[algo] == 8 * alone.paths
        assert alone.epoch == 0.2
        of_landmarks[algo] = images_through(training(composed, algo, landmark(), budget)) - of_paths[algo]
    assert of_paths == {"spos": 20 * 8, "fairnas": 20 * 8}
    # A pair is two landmarks; a landmark in several pairs of a step is evaluated for each of them.
    assert of_landmarks == {"spos": 20 * 2 * 8, "fairnas": 20 * 2 * 8}


@pytest.mark.parametrize("algo", choices("algo"))
def test_every_algorithm_says_how_many_paths_its_steps_have(composed: Compose, algo: str) -> None:
    """Mixtures count as one path: before the alphas learn, they pass as many images."""
    made = training(composed, algo, NoRegulariser(), "trainer.steps=1")
    assert made.ctx.paths_per_step == {"fairnas": 5}.get(algo, 1)
    assert images_through(made) == (0 if algo == "none" else 8 * made.ctx.paths_per_step)


def test_what_is_given_in_epochs_is_reached_after_as_many_paths(composed: Compose) -> None:
    spos, fairnas = (training(composed, algo, NoRegulariser()) for algo in ("spos", "fairnas"))
    assert spos.ctx.total_steps == 5 * fairnas.ctx.total_steps == 12 * 100
    for epochs in (0.5, 3.0, 4.0):
        assert spos.steps_in(epochs) == 5 * fairnas.steps_in(epochs) == epochs * 100
    assert fairnas.steps_in(0.0001) == 1


def test_paths_of_other_spaces() -> None:
    assert FairNAS().paths_per_step(NASBenchMacro()) == 3


def test_steps_of_a_budget() -> None:
    assert TrainerConfig(epochs=2.5).total_steps(10, 5) == 5
    assert TrainerConfig(epochs=2.5).total_steps(10) == 25
    assert TrainerConfig(epochs=0.01).total_steps(10, 5) == 1
    assert TrainerConfig(paths=4_500).total_steps(10, 5) == 900
    assert TrainerConfig(paths=4_500).total_steps(10) == 4_500
    assert TrainerConfig(steps=7).total_steps(10, 5) == 7  # however many paths a step has


def test_two_budgets_are_refused() -> None:
    options: dict[str, Any] = {"steps": 7, "paths": 35}
    with pytest.raises(LmregError, match="trainer: steps=7 and paths=35 both say how long; give one of them"):
        typed(options, TrainerConfig, "trainer")
