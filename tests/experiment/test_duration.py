"""The predicted duration is about right, and the trial does not affect the real training."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from lmreg.algo.base import Algorithm
from lmreg.algo.spos import SPOS
from lmreg.config.build import typed
from lmreg.experiment import duration as estimate
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.truth import LandmarkSet
from lmreg.rank.scoring import ScoringConfig
from lmreg.reg.landmark import Config, Landmark
from lmreg.train.context import Context
from lmreg.train.training import Training
from lmreg.util.progress import format_duration


@pytest.fixture
def study(composed) -> Study:  # type: ignore[no-untyped-def]
    cfg = composed("search", "network.channels=2", "trainer.steps=210", "trainer.batch_size=8")
    return Study(cfg, Options(device="cpu", threads=1))


def training(study: Study) -> Training:
    archs = tuple(study.space.sample(np.random.default_rng(i)) for i in range(6))
    marks = LandmarkSet(archs, np.arange(6.0)[::-1], np.full(6, np.nan), "accuracy_percent", 1)
    return study.training(study.part("algo", Algorithm), Landmark(Config(warmup=0.1), marks))


def seconds(study: Study, done: int = 0) -> float | None:
    scoring = typed(study.cfg.scoring, ScoringConfig, "scoring")
    return estimate.search_seconds(
        lambda: training(study), done, study.data, scoring, study.cost, candidates=4
    )


def state(t: Training) -> list[object]:
    net = [(k, v.tolist()) for k, v in t.ctx.net.state_dict().items()]
    streams = t.ctx.streams.state_dict()
    return [net, streams["arch"], streams["reg"], streams["data"].tolist(), streams["rank"].tolist()]


def test_the_trial_leaves_no_trace(study: Study) -> None:
    real, other = training(study), training(study)
    steps, undisturbed = real.steps(50), other.steps(50)
    for _ in range(3):
        next(steps)
        next(undisturbed)
    generator = torch.get_rng_state()
    assert seconds(study, done=3) is not None
    assert torch.equal(torch.get_rng_state(), generator)
    assert real.ctx.step == 3
    assert state(real) == state(other)
    for _ in range(30):  # until the regulariser acts
        next(steps)
        next(undisturbed)
    assert state(real) == state(other)


def test_the_trial_leaves_out_what_happens_between_steps(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def between(algo: Algorithm, ctx: Context) -> None:
        raise AssertionError("called in a trial")

    monkeypatch.setattr(SPOS, "interval_epochs", 0.001)  # after every step
    monkeypatch.setattr(SPOS, "on_interval", between)
    assert seconds(study) is not None
    with pytest.raises(AssertionError, match="in a trial"):
        next(training(study).steps(50))


@pytest.mark.slow  # it measures time
def test_it_is_about_right(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CPU seconds, so that other processes don't matter."""

    class Work:
        perf_counter = staticmethod(time.process_time)
        monotonic = staticmethod(time.process_time)

    monkeypatch.setattr(estimate, "time", Work)
    expected = seconds(study)
    real = training(study)
    start = time.process_time()
    for _ in real.steps(50):
        pass
    took = time.process_time() - start
    assert expected is not None
    assert 0.5 * took < expected < 2 * took + 0.5  # 0.5 s: four candidates


def test_the_regularisers_cost_is_in_it(study: Study) -> None:
    seen = []

    def trial() -> Training:
        one = training(study)
        terms = one.reg.terms

        def spying(ctx, batch):  # type: ignore[no-untyped-def]
            seen.append(ctx.step)
            return terms(ctx, batch)

        one.reg.terms = spying  # type: ignore[method-assign]
        return one

    scoring = typed(study.cfg.scoring, ScoringConfig, "scoring")
    estimate.search_seconds(trial, 0, study.data, scoring, study.cost, 4)
    assert min(seen) < 25  # of 210 steps
    assert max(seen) > 100


def test_short_trainings_are_not_worth_it(study: Study) -> None:
    assert seconds(study, done=50) is None


def test_standalone(study: Study) -> None:
    archs = [study.space.sample(np.random.default_rng(i)) for i in range(10)]
    threads = torch.get_num_threads()
    one, two = (estimate.standalone_seconds(study, archs, workers, 1) for workers in (1, 2))
    assert one is not None
    assert two is not None
    assert 0 < two < one * 1.5
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.2, "1 s"), (45, "45 s"), (150, "2 min"), (3599, "1 h 0 min"), (8100, "2 h 15 min"), (90000, "25 h")],
)
def test_durations(value: float, text: str) -> None:
    assert format_duration(value) == text
