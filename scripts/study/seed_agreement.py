"""How well stand-alone trainings agree: Kendall's tau between disjoint sets of training seeds.

    lmreg train-landmarks study=agreement landmarks.count=2 landmarks.pool=40 landmarks.pool_seeds=4
    python scripts/study/seed_agreement.py outputs/agreement

For k = 1, 2, ... the mean scores of k seeds are compared with those of k other seeds, for all ways to choose
them. Only the pool is used, whose scores are on test images.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from lmreg.rank.correlation import kendall_tau_b, resamples
from lmreg.rank.intervals import estimate
from lmreg.util.files import read_json, read_table


def main() -> None:
    folder = Path(sys.argv[1]) / "landmarks"
    pool = list(read_table(folder / "pool.csv", {"arch"})["arch"])
    records = [read_json(p) for p in sorted((folder / "records").glob("*-s*.json"))]
    rows = [{"arch": r["arch"], "seed": r["seed"], **r["scores"]} for r in records if r["arch"] in pool]
    table = pd.DataFrame(rows)
    draws = resamples(len(pool), 2000, seed=0)
    for column in [c for c in table.columns if c not in ("arch", "seed")]:
        scores = table.pivot(index="arch", columns="seed", values=column).loc[pool].dropna(axis=1)
        for k in range(1, scores.shape[1] // 2 + 1):
            taus = []
            for one in itertools.combinations(scores.columns, k):
                rest = [seed for seed in scores.columns if seed not in one]
                for other in itertools.combinations(rest, k):
                    if one < other:
                        means = (scores[list(seeds)].mean(axis=1).to_numpy() for seeds in (one, other))
                        taus.append(kendall_tau_b(*means, draws))
            figure = estimate(np.mean(taus, axis=0), len(pool), 0.95)
            low, middle, high = np.quantile(scores.to_numpy(), [0, 0.5, 1])
            print(
                f"{column}: mean of {k} seed(s) against {k} other(s): tau {figure}, n = {figure.n}, "
                f"{len(taus)} splits; scores {low:.4g} / {middle:.4g} / {high:.4g} (min, median, max)"
            )


if __name__ == "__main__":
    main()
