"""The effect of ``trainer.untouched=skip`` on the ranking: weights that a step doesn't use stay unchanged,
whereas with ``decay`` momentum and weight decay move them.

    python scripts/study/untouched.py [--root outputs] [--seeds 5] [key=value ...]     # as for `lmreg search`

This trains super-nets with SPOS, with and without landmarks, on the embedded images, with the same seeds,
batches, paths and steps for both settings. It prints each seed's Kendall's tau on the held-out pool, and the
gain of ``skip`` with Student's interval over seeds.
"""

from __future__ import annotations

import argparse

import numpy as np

import lmreg
from lmreg.rank.intervals import mean_over_seeds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="outputs")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_args()
    study = lmreg.Study(root=options.root)
    study.train_landmarks()
    runs = {
        study.search(
            reg=reg, seed=seed, overrides=[f"trainer.untouched={untouched}", *options.overrides]
        ).folder.name: (reg, seed, untouched)
        for reg in ("none", "landmark")
        for seed in range(options.seeds)
        for untouched in ("decay", "skip")
    }
    table = study.evaluate()
    taus = table[(table["statistic"] == "kendall_tau") & table["run"].isin(runs)]
    for score, mine in taus.groupby("score"):
        tau = {runs[row.run]: row.value for row in mine.itertuples()}
        for reg in ("none", "landmark"):
            pairs = np.array([[tau[reg, s, u] for u in ("decay", "skip")] for s in range(options.seeds)])
            mean, low, high, p = mean_over_seeds(pairs[:, 1] - pairs[:, 0], 0.95)
            print(f"reg={reg}, tau by {score}, n = {mine['n'].iloc[0]} architectures:")
            for seed, (decay, skip) in enumerate(pairs):
                print(f"  seed {seed}: decay {decay:.3f}, skip {skip:.3f}, gain {skip - decay:+.3f}")
            print(f"  mean of {options.seeds}: gain {mean:+.3f} [{low:+.3f}, {high:+.3f}], p = {p:.2g}")


if __name__ == "__main__":
    main()
