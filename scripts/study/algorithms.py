"""All algorithms of a study with and without landmarks, as a table and a figure.

    python scripts/study/algorithms.py outputs/<study> <table.csv> docs/studies/<name>

This computes the scores that `lmreg evaluate` has not computed yet, writes ``<name>.csv`` (one row per run)
and ``<name>.png``, and prints the means as Markdown. In addition to tau it reports the share of landmark
pairs that the trained super-net orders wrongly by loss on the score split; the true accuracy (from the table)
of the best-ranked candidate and of the architecture that a differentiable algorithm has learned; and the
minutes of training. If the table covers only a part of the space, the best-ranked candidate in the table is
used, and learned architectures may be missing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

from lmreg.experiment.study import Options, Study
from lmreg.landmarks.truth import MANIFEST, LandmarkSet, Truth
from lmreg.rank.baselines import ridge_ranking
from lmreg.rank.correlation import kendall_tau_b
from lmreg.rank.finished_run import FinishedRun, finished_runs
from lmreg.rank.intervals import mean_over_seeds
from lmreg.rank.pool import held_out
from lmreg.rank.score_cache import ScoreCache
from lmreg.rank.tracking import tau_rows
from lmreg.util.files import read_json, read_table, write_atomically, write_table

matplotlib.use("Agg")
from matplotlib import pyplot as plt

# The options that distinguish variants, by their key in the config, with their usual values.
VARIANTS: dict[str, Any] = {
    "reg.passes": "path",
    "reg.batch": "rank",
    "algo.alpha_split": "rank",
    "algo.alpha_lr": 3e-3,
}
COLOURS = {"none": "#888888", "landmark": "#1f5fa8"}


def main() -> None:
    folder, table, out = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    runs = finished_runs(folder)
    options = Options(study=folder.name, root=str(folder.parent))
    study = Study(runs[0].cfg, options)
    study.runtime.apply()
    space = study.space
    known_truth = Truth.load(folder / "landmarks", space)
    column = read_json(folder / "landmarks" / MANIFEST)["pool"]["column"]
    scores = read_table(table, {"arch", column})
    truth = {
        space.benchmark_key(space.parse(a)): s for a, s in zip(scores["arch"], scores[column], strict=True)
    }
    pool = held_out(known_truth, runs, study)

    def row(run: FinishedRun) -> dict[str, Any]:
        candidates = read_table(run.folder / "candidates.csv", {"arch"})["arch"]
        known = [
            truth[key] for arch in candidates if (key := space.benchmark_key(space.parse(arch))) in truth
        ]
        learned = (run.result.get("discretised") or {}).get("arch")
        scored = ScoreCache(run, options)
        by = taus(scored, pool)
        return {
            "algo": run.result["algo"],
            "reg": run.result["reg"],
            "variant": variant(run),
            "seed": run.result["seed"],
            "tau_by_loss": by["loss"],
            "tau_by_accuracy": by["accuracy"],
            "violated_percent": 50 * (1 - taus(scored, known_truth.landmarks)["loss"]),
            "best_true_percent": known[0] if known else np.nan,
            "learned": learned,
            "learned_true_percent": truth.get(space.benchmark_key(space.parse(learned)), np.nan)
            if learned
            else np.nan,
            "alpha_entropy_nats": read_table(run.folder / "metrics.csv", set())
            .get("alpha_entropy_nats", pd.Series([np.nan]))
            .iloc[-1],
            "minutes": run.result["train_seconds_this_session"] / 60,
        }

    rows = pd.DataFrame([row(run) for run in runs]).sort_values(["variant", "algo", "reg", "seed"])
    write_table(out.with_suffix(".csv"), rows)
    figures = f"true accuracy {pool.scores.mean():.2f} % on average, {pool.scores[0]:.2f} % at best"
    print(f"Pool: n = {len(pool.archs)}, {figures}\n")
    values = ridge_ranking(space, known_truth.landmarks, pool).values
    ridge = kendall_tau_b(pool.better_sign * pool.scores, values, np.ones((1, len(values))))[0]
    print(f"Ridge regression on the same landmarks, without a super-net: tau {ridge:.3f}\n")
    print(markdown(rows))
    figure = draw(rows[rows["variant"] == ""])
    write_atomically(out.with_suffix(".png"), lambda file: figure.savefig(file, format="png", dpi=150))


def taus(run: ScoreCache, members: LandmarkSet) -> dict[str, float]:
    """Kendall's tau-b between the truth of ``members`` and each of a run's scores, by its short name."""
    rows = tau_rows("", members, run.scores(members.archs), run.study.task)
    return {str(row["score"]): float(row["kendall_tau"]) for row in rows}


def variant(run: FinishedRun) -> str:
    """Return the options in which a run differs from the study's main runs; empty for those."""
    given = {}
    for key, usual in VARIANTS.items():
        group, name = key.split(".")
        value = run.cfg[group].get(name, usual)
        if value != usual:
            given[key] = value
    return " ".join(f"{key}={value}" for key, value in given.items())


def without(rows: pd.DataFrame, algo: str, which: str) -> pd.DataFrame:
    """Return a variant's runs without landmarks: those that differ from it only in the regulariser."""
    own = " ".join(part for part in which.split() if not part.startswith("reg."))
    return rows[(rows["algo"] == algo) & (rows["reg"] == "none") & (rows["variant"] == own)]


def markdown(rows: pd.DataFrame) -> str:
    lines = [
        "| algorithm | variant | landmarks | seeds | tau by loss | gain [95 %], p | tau by accuracy | "
        "pairs violated | best found, true | learned, true | entropy of alphas | minutes |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (which, algo, reg), some in rows.groupby(["variant", "algo", "reg"], sort=True):
        base = without(rows, algo, which).set_index("seed")["tau_by_loss"]
        gains = (some.set_index("seed")["tau_by_loss"] - base).dropna().to_numpy()
        gain = ""
        if reg != "none" and len(gains) > 1:
            mean, low, high, p = mean_over_seeds(gains, 0.95)
            gain = f"{mean:+.3f} [{low:+.3f}, {high:+.3f}], {p:.2g}"
        learned = some["learned_true_percent"].dropna()
        entropy = some["alpha_entropy_nats"].mean()
        each = ", ".join(f"{tau:.3f}" for tau in some["tau_by_loss"])
        cells = [
            algo,
            which or "–",
            "yes" if reg != "none" else "no",
            str(len(some)),
            f"**{some['tau_by_loss'].mean():.3f}** ({each})",
            gain,
            f"{some['tau_by_accuracy'].mean():.3f}",
            f"{some['violated_percent'].mean():.0f} %",
            f"{some['best_true_percent'].mean():.2f} %",
            f"{learned.mean():.2f} % ({len(learned)} of {len(some)} in the table)" if len(learned) else "–",
            "–" if np.isnan(entropy) else f"{entropy:.2f}",
            f"{some['minutes'].mean():.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(rows: pd.DataFrame) -> plt.Figure:
    """Draw tau by loss of every seed without and with landmarks, joined by a line, by algorithm."""
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    algos = sorted(rows["algo"].unique())
    for place, algo in enumerate(algos):
        mine = rows[rows["algo"] == algo].pivot_table(index="seed", columns="reg", values="tau_by_loss")
        for seed, pair in mine.iterrows():
            x = [place - 0.15 + 0.03 * float(seed), place + 0.15 + 0.03 * float(seed)]  # type: ignore[arg-type]
            taus = [pair.get("none", np.nan), pair.get("landmark", np.nan)]
            axes.plot(x, taus, color="#bbbbbb", lw=1, zorder=1)
            for at, tau, reg in zip(x, taus, ("none", "landmark"), strict=True):
                label = f"reg={reg}" if place == 0 and seed == mine.index[0] else None
                axes.scatter([at], [tau], color=COLOURS[reg], s=28, label=label, zorder=2)
    axes.set_xticks(range(len(algos)), algos)
    axes.set_ylabel("Kendall τ by loss, held-out architectures")
    axes.grid(axis="y", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    return figure


if __name__ == "__main__":
    main()
