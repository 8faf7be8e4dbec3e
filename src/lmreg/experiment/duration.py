"""How long a training or a search will take, measured on a short trial.

The trial has weights and random streams of its own, so the real training isn't affected.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from lmreg.data.images import ImageData
from lmreg.experiment.study import Study
from lmreg.rank.scoring import ScoringConfig, score
from lmreg.space.base import Arch
from lmreg.strategy.limits import Cost
from lmreg.train.training import Training
from lmreg.util.threads import threads_restored

_TRIAL_SECONDS = 0.6
_TRIAL_SHARE = 0.01  # of the whole, where that is longer
_FEWEST_STEPS = 200  # shorter trainings would be over before the trial is
_PLACES = (0, 4, 2, 6, 1, 5, 3, 7)  # eighths of the training, spread out from the first on


def search_seconds(
    trial: Callable[[], Training],
    done: int,
    data: ImageData,
    scoring: ScoringConfig,
    cost: Cost,
    candidates: int,
) -> float | None:
    """Return the seconds that a search will take from step ``done`` on; None if it is too short to measure.

    Not counted are what the algorithm does between steps, and the stand-alone trainings of new landmarks.

    Args:
        trial: makes a training like the real one, for this trial only.
        cost: called for every candidate.
        candidates: how many architectures are scored.
    """
    device = data.split("score").device
    with _untouched_random_numbers(device):
        training = trial()
        left = training.ctx.total_steps - done
        if left < _FEWEST_STEPS:
            return None
        places = [done + int((place + 0.5) / len(_PLACES) * left) for place in _PLACES]
        one_step = _step_timer(training, device)
        for place in (*places[:2], *places[:2]):  # the first steps prepare kernels and memory
            one_step(place)
        each = _mean_of_trials(one_step, places, left, _TRIAL_SECONDS)
        return left * each + _scoring_seconds(training, data, scoring, cost, candidates)


def _step_timer(training: Training, device: torch.device) -> Callable[[int], float]:
    """Return a function that takes a step as if it were the n-th, and returns its seconds.

    The number matters because the cost of a regulariser follows its schedule.
    """
    steps = training.steps(log_every=2 * training.ctx.total_steps, intervals=False)

    def one_step(number: int) -> float:
        training.ctx.step = number
        return _timed(lambda: next(steps), device)

    return one_step


def _scoring_seconds(
    training: Training, data: ImageData, scoring: ScoringConfig, cost: Cost, count: int
) -> float:
    """Return the seconds that scoring ``count`` architectures will take."""
    split, (net, task, space) = data.split("score"), (training.ctx.net, training.ctx.task, training.ctx.space)
    images = min(len(split), scoring.images or len(split))
    batches = math.ceil(images / scoring.batch_size)
    some = split.scoring_batches(scoring.batch_size, min(images, scoring.batch_size))
    calibration = scoring.calibration(data)
    rng = np.random.default_rng(0)

    def one(_place: int) -> float:
        arch = space.sample(rng)
        first = _timed(lambda: score(net, task, [arch], some, calibration=calibration), split.device)
        each = _timed(lambda: score(net, task, [arch], some), split.device)
        return first + (batches - 1) * each + _timed(lambda: cost(arch), split.device)

    one(0)
    return count * _mean_of_trials(one, [0], count, _TRIAL_SECONDS / 3)


def standalone_seconds(
    study: Study, archs: Sequence[Arch], workers: int, threads: int, split: str = "train"
) -> float | None:
    """Return the seconds that stand-alone trainings of ``archs`` on that split will take in so many worker
    processes with so many threads each; None if they are too short to measure."""
    picked = np.linspace(0, len(archs) - 1, min(8, len(archs))).round().astype(int)
    with threads_restored(threads), _untouched_random_numbers(study.device):
        trials = (study.standalone_training(archs[i], 0, split) for i in picked)
        each = [_standalone_seconds(trial, study.device, _TRIAL_SECONDS / len(picked)) for trial in trials]
    known = [seconds for seconds in each if seconds is not None]
    return float(np.mean(known)) * len(archs) / min(workers, len(archs)) if known else None


def _standalone_seconds(training: Training, device: torch.device, budget: float) -> float | None:
    total = training.ctx.total_steps
    if total < _FEWEST_STEPS:
        return None
    one_step = _step_timer(training, device)
    one_step(0)
    return total * _mean_of_trials(one_step, [0], total, budget)


def _mean_of_trials(one: Callable[[int], float], places: Sequence[int], count: int, budget: float) -> float:
    """Return the mean over ``places`` of what ``one`` measures there, repeated for ``budget`` seconds, or for
    a hundredth of what ``count`` of them would take if that is longer.
    """
    measured: dict[int, list[float]] = {}
    start = time.monotonic()
    for number in range(100 * len(places)):
        place = places[number % len(places)]
        measured.setdefault(place, []).append(one(place))
        so_far = float(np.mean([np.mean(seconds) for seconds in measured.values()]))
        if number >= 1 and time.monotonic() - start > max(budget, _TRIAL_SHARE * so_far * count):
            break
    known = sorted(measured)
    return float(np.mean(np.interp(places, known, [float(np.mean(measured[place])) for place in known])))


def _timed(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds that ``work`` takes."""
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def _untouched_random_numbers(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """Return a context manager that restores the state of torch's own generators."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])
