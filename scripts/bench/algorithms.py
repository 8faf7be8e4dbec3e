"""Time, work and memory of a training step of every algorithm on the same super-net.

    python scripts/bench/algorithms.py [key=value ...]      # overrides as for `lmreg search`

For each algorithm and phase this prints milliseconds (medians of alternating rounds), convolutions and matrix
multiplications in MFLOP as counted by torch, and the peak memory that autograd keeps for backward passes in
MB; each also as a multiple of the first row. Work predicts time; the rest of the time goes to what isn't
counted (normalisation, sums, memory traffic, calls).
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from lmreg.algo.base import Algorithm
from lmreg.commands.search import SearchOptions
from lmreg.config.build import top_level
from lmreg.config.catalogue import choices
from lmreg.config.paths import conf_dir
from lmreg.experiment.study import Study
from lmreg.rank.scoring import ScoringConfig
from lmreg.reg.none import NoRegulariser
from lmreg.train.training import Training

ROUNDS, STEPS, COUNTED = 5, 6, 24
FIRST = "spos"


class SavedBytes:
    """The bytes that autograd keeps for backward passes, now and at most; weights aren't counted."""

    def __init__(self, net: torch.nn.Module):
        self._weights = {p.untyped_storage().data_ptr() for p in net.parameters()}
        self._users: Counter[int] = Counter()
        self.now = self.most = 0

    def hooks(self) -> saved_tensors_hooks:
        return saved_tensors_hooks(lambda tensor: _SavedTensor(tensor, self), lambda saved: saved.tensor)

    def add(self, tensor: torch.Tensor, sign: int) -> None:
        storage = tensor.untyped_storage()
        place = storage.data_ptr()
        if place in self._weights:
            return
        before = self._users[place]
        self._users[place] += sign
        if min(before, self._users[place]) == 0:  # the first user was added or the last one removed
            self.now += sign * storage.nbytes()
            self.most = max(self.most, self.now)


class _SavedTensor:
    def __init__(self, tensor: torch.Tensor, saved: SavedBytes):
        self.tensor, self._saved = tensor, saved
        saved.add(tensor, 1)

    def __del__(self) -> None:
        self._saved.add(self.tensor, -1)


def training(overrides: list[str]) -> Training:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        cfg = compose("search", [*overrides, "trainer.steps=100000"])
    study = Study(cfg, top_level(cfg, SearchOptions))
    study.runtime.apply()
    scorer = ScoringConfig().scorer(study.data, study.task)
    return study.training(study.part("algo", Algorithm), NoRegulariser(), scorer)


def main() -> None:
    rows: dict[str, tuple[Training, float]] = {}
    for name in sorted(set(choices("algo")) - {"none"}, key=lambda name: name != FIRST):
        made = training([f"algo={name}", *sys.argv[1:]])
        rows[f"{name}, weights alone"] = (made, 0.0)
        if made.algo.alpha_split is not None:
            rows[f"{name}, with alphas"] = (training([f"algo={name}", *sys.argv[1:]]), 0.9)
    figures = {name: measure(made, progress) for name, (made, progress) in rows.items()}
    times: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(ROUNDS):
        for name, (made, progress) in rows.items():
            times[name].append(seconds(made, progress))
    made = next(iter(rows.values()))[0]
    device = next(made.ctx.net.parameters()).device
    print(f"{device}, {torch.get_num_threads()} threads; MFLOP and MB counted, ms medians of {ROUNDS} rounds")
    table = {name: [1000 * statistics.median(times[name]), *figures[name]] for name in rows}
    unit = next(iter(table.values()))
    print(f"{'':26}{'ms':>9}{'':9}{'MFLOP':>9}{'':9}{'MB kept':>9}")
    for name, values in table.items():
        cells = (f"{value:9.2f}{value / one:7.2f} ×" for value, one in zip(values, unit, strict=True))
        print(f"{name:26}" + "".join(cells))


def steps(made: Training, progress: float, count: int) -> Callable[[], Any]:
    """Return a function that does ``count`` steps as if the training were at ``progress``."""
    iterator = made.steps(log_every=10**9)

    def take() -> None:
        for _ in range(count):
            # A step number that no interval divides, as work between steps isn't to be measured.
            made.ctx.step = int(progress * made.ctx.total_steps) + 1
            next(iterator)

    return take


def seconds(made: Training, progress: float) -> float:
    take = steps(made, progress, STEPS)
    start = time.perf_counter()
    take()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / STEPS


def measure(made: Training, progress: float) -> list[float]:
    """Return MFLOP per step and the peak of MB kept, as means over the paths of some steps."""
    work, most = [], []
    for _ in range(COUNTED):
        saved = SavedBytes(made.ctx.net)
        with FlopCounterMode(display=False) as counter, saved.hooks():
            steps(made, progress, 1)()
        work.append(counter.get_total_flops() / 1e6)
        most.append(saved.most / 1e6)
    return [statistics.mean(work), statistics.mean(most)]


if __name__ == "__main__":
    main()
