"""The time of a training step with and without the regulariser, and of scoring.

    python scripts/bench/step.py [key=value ...]        # overrides as for `lmreg search`

Rows are measured in alternating rounds in one process, of which medians are printed; ratios are to the first
row.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from hydra import compose, initialize_config_dir

from lmreg.algo.base import Algorithm
from lmreg.commands.search import SearchOptions
from lmreg.config.build import top_level
from lmreg.config.paths import conf_dir
from lmreg.data.images import BatchStream
from lmreg.experiment.study import Study
from lmreg.landmarks.truth import LandmarkSet
from lmreg.rank.scoring import score
from lmreg.reg.base import Regulariser
from lmreg.reg.landmark import Config, Landmark
from lmreg.reg.none import NoRegulariser
from lmreg.train.random_streams import Streams

ROUNDS, STEPS = 7, 20


def main() -> None:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        cfg = compose("search", [f"trainer.steps={(ROUNDS + 1) * STEPS + 1}", *sys.argv[1:]])
    study = Study(cfg, top_level(cfg, SearchOptions))
    study.runtime.apply()
    rng = np.random.default_rng(0)
    archs = tuple(study.space.sample(rng) for _ in range(30))
    marks = LandmarkSet(archs, np.arange(30.0)[::-1], np.full(30, np.nan), "made_up", 1)

    def stepper(reg: Regulariser) -> Callable[[], None]:
        steps = study.training(study.part("algo", Algorithm), reg).steps(log_every=10**9)
        return lambda: [next(steps) for _ in range(STEPS)] and None  # type: ignore[func-returns-value]

    always = {"warmup": 0.0, "schedule": "constant", "weight": 1.0}
    streams = Streams(0, study.device)
    batches = BatchStream(study.data.split("train"), study.trainer.batch_size, streams.data)
    net = study.supernet(0, study.part("algo", Algorithm))
    scoring = study.data.split("score").scoring_batches(500)
    rows: dict[str, Callable[[], None]] = {
        "step, reg=none": stepper(NoRegulariser()),
        "step, reg=landmark, every pair back-propagated": stepper(
            Landmark(Config(**always, skip_satisfied=False), marks)
        ),
        "step, reg=landmark, satisfied pairs skipped": stepper(Landmark(Config(**always), marks)),
        "data: one augmented batch": lambda: [next(batches) for _ in range(STEPS)] and None,
    }
    times: dict[str, list[float]] = {name: [] for name in rows}
    for round_ in range(ROUNDS + 1):
        for name, run in rows.items():
            start = time.perf_counter()
            run()
            if study.device.type == "cuda":
                torch.cuda.synchronize()
            if round_ > 0:  # the first one warms up
                times[name].append((time.perf_counter() - start) / STEPS)
    unit = statistics.median(next(iter(times.values())))
    print(
        f"{study.device}, {torch.get_num_threads()} threads, batch {study.trainer.batch_size}",
        study.data.shape,
    )
    for name, values in times.items():
        middle = statistics.median(values)
        spread = f"[{1000 * min(values):.2f}, {1000 * max(values):.2f}]"
        print(f"{1000 * middle:8.2f} ms  {middle / unit:5.2f} ×  {spread}  {name}")
    start = time.perf_counter()
    score(net, study.task, archs, scoring)
    seconds = time.perf_counter() - start
    images = sum(len(batch.targets) for batch in scoring) * len(archs)
    print(f"scoring: {images / seconds:,.0f} images/s")


if __name__ == "__main__":
    main()
