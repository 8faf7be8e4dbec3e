"""How long a training or a search will take, from a moment's trial on parts of its own.

The trial has its own weights and random streams: what is really trained doesn't notice it.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from lmreg.experiment.study import Study
from lmreg.rank.scoring import ScoringConfig, score
from lmreg.space.base import Arch
from lmreg.train.random_streams import Streams
from lmreg.train.standalone import standalone_training
from lmreg.train.training import Training

_TRIAL_SECONDS = 0.6
_TRIAL_SHARE = 0.01  # of the whole, where that is longer
_FEWEST_STEPS = 200  # shorter trainings are over before a trial has said anything
_PLACES = (0, 4, 2, 6, 1, 5, 3, 7)  # eighths of the training, spread out from the first on


def search_seconds(
    study: Study, trial: Callable[[], Training], done: int, scoring: ScoringConfig, candidates: int
) -> float | None:
    """Seconds that a search will take from step ``done`` on; None where it is hardly worth asking.

    What the algorithm does between steps and the stand-alone trainings of new landmarks aren't counted.

    Args:
        trial: makes a training like the real one, for this trial only.
        candidates: how many architectures are scored after the training.
    """
    with _own_random_numbers(study.device):
        training = trial()
        left = training.ctx.total_steps - done
        if left < _FEWEST_STEPS:
            return None
        places = [done + int((place + 0.5) / len(_PLACES) * left) for place in _PLACES]
        one_step = _steps(training, study.device)
        for place in (*places[:2], *places[:2]):  # the first steps prepare kernels and memory
            one_step(place)
        each = _mean_of_rounds(one_step, places, left, _TRIAL_SECONDS)
        return left * each + _scoring_seconds(study, training, scoring, candidates)


def _steps(training: Training, device: torch.device) -> Callable[[int], float]:
    """Takes one step as if it was the n-th, and says how long it took.

    A regulariser may cost little at first: n is what its schedule goes by.
    """
    steps = training.steps(log_every=2 * training.ctx.total_steps, intervals=False)

    def one_step(number: int) -> float:
        training.ctx.step = number
        return _timed(lambda: next(steps), device)

    return one_step


def _scoring_seconds(study: Study, training: Training, scoring: ScoringConfig, count: int) -> float:
    split = study.data.split("score")
    images = min(len(split), scoring.images or len(split))
    batches = math.ceil(images / scoring.batch_size)
    some = split.scoring_batches(scoring.batch_size, min(images, scoring.batch_size))
    net, calibration = training.ctx.net, scoring.calibration(study.data)
    rng = np.random.default_rng(0)

    def one(_place: int) -> float:
        arch = study.space.sample(rng)
        first = _timed(lambda: score(net, study.task, [arch], some, calibration=calibration), study.device)
        each = _timed(lambda: score(net, study.task, [arch], some), study.device)
        return first + (batches - 1) * each + _timed(lambda: study.cost(arch), study.device)

    one(0)
    return count * _mean_of_rounds(one, [0], count, _TRIAL_SECONDS / 3)


def standalone_seconds(
    study: Study, archs: Sequence[Arch], workers: int, threads: int, split: str = "train"
) -> float | None:
    """Seconds that stand-alone trainings of ``archs`` on that split will take; None where it is hardly
    worth asking.

    Args:
        workers: processes that share them out, with so many ``threads`` each.
    """
    picked = np.linspace(0, len(archs) - 1, min(8, len(archs))).round().astype(int)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with _own_random_numbers(study.device):
            each = [_standalone_seconds(study, archs[i], _TRIAL_SECONDS / len(picked), split) for i in picked]
    finally:
        torch.set_num_threads(before)
    known = [seconds for seconds in each if seconds is not None]
    return float(np.mean(known)) * len(archs) / min(workers, len(archs)) if known else None


def _standalone_seconds(study: Study, arch: Arch, budget: float, split: str) -> float | None:
    net, streams = study.standalone(arch, 0), Streams(0, study.device)
    parts = (study.space, study.task, study.data, streams, study.trainer)
    training = standalone_training(net, arch, *parts, split)
    total = training.ctx.total_steps
    if total < _FEWEST_STEPS:
        return None
    one_step = _steps(training, study.device)
    one_step(0)
    return total * _mean_of_rounds(one_step, [0], total, budget)


def _mean_of_rounds(one: Callable[[int], float], places: Sequence[int], count: int, budget: float) -> float:
    """The mean over ``places`` of what ``one`` measures there, in rounds for ``budget`` seconds.

    They may be more: a hundredth of what ``count`` of them would take.
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
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def _own_random_numbers(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """Context in which drawing from torch's own generators leaves no trace."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])
