"""A study's result as a table and a figure, from the files of `lmreg evaluate`.

    python scripts/study/summary.py outputs/<study> docs/studies/<name>

This writes ``<name>.csv`` (every seed and the means) and ``<name>.png``, and prints the table as Markdown. It
compares tau by loss and by accuracy with and without the regulariser, and every super-net with the best cheap
ranking. A seed's interval is a bootstrap over the architectures, the mean's is Student's over seeds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import pandas as pd

from lmreg.util.files import read_table, write_atomically, write_table

matplotlib.use("Agg")
from matplotlib import pyplot as plt

BASELINES = {
    "params": "parameters",
    "macs": "MACs",
    "ridge": "ridge on the landmarks",
    "ridge_costs": "ridge with costs",
}
COLOURS = {"without": "#888888", "with": "#1f5fa8"}


def main() -> None:
    study, out = Path(sys.argv[1]), Path(sys.argv[2])
    gains = read_table(study / "evaluate" / "paired.csv", {"comparison", "seed", "gain", "against", "p_holm"})
    metrics = read_table(study / "evaluate" / "metrics.csv", {"algo", "reg", "statistic"})
    baselines = read_table(study / "evaluate" / "baselines.csv", {"baseline", "run", "statistic", "ceiling"})
    taus = metrics[metrics["statistic"] == "kendall_tau"]
    shared = baselines["baseline"].isin(BASELINES) & baselines["run"].isna()
    beside = baselines[(baselines["statistic"] == "kendall_tau") & shared]
    write_table(out.with_suffix(".csv"), gains)
    print(markdown(gains, beside))
    figure = draw(taus, beside)
    write_atomically(out.with_suffix(".png"), lambda file: figure.savefig(file, format="png", dpi=150))


def markdown(gains: pd.DataFrame, beside: pd.DataFrame) -> str:
    lines = [
        "| comparison | tau by | seed | tau before | tau after | gain [95 %] | p (Holm) |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in gains.itertuples():
        seed = f"**mean of {row.seeds}**" if row.seed == "mean" else row.seed
        p = "" if pd.isna(row.p_holm) else f"{row.p_holm:.2g}"
        gain = f"{row.gain:+.3f} [{row.gain_low:+.3f}, {row.gain_high:+.3f}]"
        name = f"{row.comparison} over none" if row.against == "none" else row.comparison
        lines.append(
            f"| {name} | {row.score} | {seed} | {row.tau_without:.3f} | {row.tau_with:.3f} | {gain} | {p} |"
        )
    lines += ["", f"| baseline (n = {beside['n'].iloc[0]}) | tau [95 %] |", "|---|---|"]
    for row in beside.itertuples():
        lines.append(f"| {BASELINES[row.baseline]} | {row.value:.3f} [{row.low:.3f}, {row.high:.3f}] |")
    ceiling = beside["ceiling"].iloc[0]
    lines += [
        "",
        f"Ceiling, from the reliability of the truth: {'unknown' if pd.isna(ceiling) else f'{ceiling:.3f}'}.",
    ]
    return "\n".join(lines)


def draw(taus: pd.DataFrame, beside: pd.DataFrame) -> plt.Figure:
    """Draw, by algorithm and score, every seed's tau without and with landmarks, joined by a line."""
    algos, scores = taus["algo"].unique(), taus["score"].unique()
    size = (2.6 * len(algos) * len(scores), 4.2)
    figure, panels = plt.subplots(
        1, len(algos) * len(scores), figsize=size, sharey=True, layout="constrained"
    )
    combinations = [(algo, score) for score in scores for algo in algos]
    for axes, (algo, score) in zip(panels, combinations, strict=True):
        mine = taus[(taus["algo"] == algo) & (taus["score"] == score)]
        for seed, pair in mine.groupby("seed"):
            before, after = (pair[(pair["reg"] == "none") == bare] for bare in (True, False))
            x = 0.06 * (seed - mine["seed"].mean())
            axes.plot([x, 1 + x], [before["value"].iloc[0], after["value"].iloc[0]], color="#bbbbbb", lw=1)
            for place, one, colour in ((x, before, "without"), (1 + x, after, "with")):
                spread = [one["value"] - one["low"], one["high"] - one["value"]]
                axes.errorbar([place], one["value"], spread, fmt="o", ms=5, lw=1, color=COLOURS[colour])
        for style, row in zip(("--", ":", "-.", (0, (1, 4))), beside.itertuples(), strict=False):
            axes.axhline(row.value, ls=style, lw=1, color="#b5651d", label=BASELINES[row.baseline])
        axes.set_xticks([0, 1], ["without", "with\nlandmarks"])
        axes.set_xlim(-0.4, 1.4)
        axes.set_title(f"{algo}, by {score}", fontsize=10)
        axes.grid(axis="y", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel(f"Kendall τ, n = {taus['n'].iloc[0]} held-out architectures")
    panels[-1].legend(fontsize=8, frameon=False, loc="lower right")
    return figure


if __name__ == "__main__":
    main()
