"""The coverage of `lmreg evaluate`'s intervals, by simulation.

    python scripts/study/interval_coverage.py [trials] > coverage.md

Scores and truths are drawn from a normal copula with correlation 0.6 (tau .41); the truths have the long tail
of low values that accuracies have. An interval is for the mean of the statistic over all pools of that size,
which for tau is the population's tau. It should contain this mean in 95 % of the trials. The table shows the
actual share for the percentile interval and for BCa, and how often the mean lies below and above the
interval.
"""

from __future__ import annotations

import sys

import numpy as np

from lmreg.rank.correlation import Statistic, kendall_tau_b, kendall_tau_top_half, resamples, spearman
from lmreg.rank.intervals import estimate, leave_outs
from lmreg.rank.selection import precision_at, regret, true_rank

CORRELATION, CONFIDENCE, RESAMPLES = 0.6, 0.95, 1000
STATISTICS: dict[str, Statistic] = {
    "tau": kendall_tau_b,
    "spearman": spearman,
    "tau in the top half": kendall_tau_top_half,
    "regret": regret,
    "true rank": true_rank,
    "precision at 5": precision_at(5),
    "precision at 10": precision_at(10),
}


def drawn(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=n)
    score = CORRELATION * x + np.sqrt(1 - CORRELATION**2) * rng.normal(size=n)
    return 94 - 2 * np.exp(-x), score


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"Coverage of {100 * CONFIDENCE:.0f} % intervals (mean below / above), {trials} trials\n")
    print("| statistic | n | percentile | BCa |\n|---|---|---|---|", flush=True)
    for n in (16, 32, 100, 400):
        rng, once = np.random.default_rng(n), np.ones((1, n))
        means = {
            name: np.nanmean([function(*drawn(rng, n), once)[0] for _ in range(4000)])
            for name, function in STATISTICS.items()
        }
        counts = np.vstack([resamples(n, RESAMPLES, seed=0), leave_outs(n)])
        sides = {name: np.zeros((2, 2)) for name in STATISTICS}
        for _ in range(trials):
            truth, score = drawn(rng, n)
            for name, function in STATISTICS.items():
                values = function(truth, score, counts)
                percentile = estimate(values[: 1 + RESAMPLES], n, CONFIDENCE)
                for method, it in enumerate((percentile, estimate(values, n, CONFIDENCE, left_out=n))):
                    sides[name][method] += (means[name] < it.low - 1e-9, means[name] > it.high + 1e-9)
        for name, missed in sides.items():
            cells = [f"{1 - m.sum():.3f} ({m[0]:.3f} / {m[1]:.3f})" for m in missed / trials]
            print(f"| {name} | {n} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
