"""Time and memory of the statistics that `lmreg evaluate` computes for one ranking, by the size of the pool.

    python scripts/bench/tau.py [n ...]      # 1,000, 15,625 (NAS-Bench-201) and 423,624 (NAS-Bench-101)

For tau-b and for all statistics together this prints the seconds for 2,000 resamples (beyond 15,625
architectures extrapolated from fewer, which a `*` marks) and the peak memory of the process so far in MB,
including Python and its libraries. Each size runs in its own process.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import numpy as np

from lmreg.rank.correlation import Draws, kendall_tau_b
from lmreg.rank.statistics import ResampledTruth

SIZES, RESAMPLES = (1_000, 15_625, 423_624), 2_000
COUNTED = 2**25
"""The largest number of counts; larger pools get fewer resamples."""


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] == "--one":
        _one(int(sys.argv[2]))
        return
    print(f"{'n':>8}  {'figure':<12} {'s':>8} {'MB':>6}", flush=True)
    for n in map(int, sys.argv[1:] or SIZES):
        subprocess.run([sys.executable, __file__, "--one", str(n)], check=True)


def _one(n: int) -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=n)
    score = truth + rng.normal(size=n)
    count = min(RESAMPLES, COUNTED // n)
    resampled = ResampledTruth(truth, Draws(n, count, 0), 10.0, 0.95)
    works = {
        "drawing": lambda: [None for _ in resampled.draws.parts()],
        "tau-b": lambda: resampled.statistic(kendall_tau_b, score),
        "all figures": lambda: resampled.estimates(score, [5, 10]),
    }
    for name, work in works.items():
        start = time.process_time()
        work()
        seconds = (time.process_time() - start) * RESAMPLES / count
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        scaled = "*" if count < RESAMPLES else ""
        print(f"{n:>8,}  {name:<12} {seconds:>8.2f}{scaled:<1} {memory:>5.0f}", flush=True)


if __name__ == "__main__":
    main()
