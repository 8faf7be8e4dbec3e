"""A comparison of landmark selectors: the gain in tau of each by the number of landmarks, as table and
figure.

    python scripts/study/landmark_selectors.py outputs/<root> docs/studies/<name>

This reads the studies ``<root>/<selector>-<count>-s<seed>``, computes the scores that are still missing,
writes ``<name>.csv`` (one row per run) and ``<name>.png``, and prints the means as Markdown. All runs of a
seed are judged by the same architectures: those that are in the pool of each of its studies, so that none is
a landmark of any. Gains are over the seed's run without landmarks; intervals and p-values are Student's over
seeds.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

from lmreg.errors import LmregError
from lmreg.experiment.study import Options, Study
from lmreg.landmarks.truth import LandmarkSet, Truth
from lmreg.rank.baselines import ridge_ranking
from lmreg.rank.correlation import kendall_tau_b
from lmreg.rank.finished_run import FinishedRun, finished_runs
from lmreg.rank.intervals import mean_over_seeds
from lmreg.rank.score_cache import ScoreCache
from lmreg.rank.tracking import tau_rows
from lmreg.util.files import write_atomically, write_table

matplotlib.use("Agg")
from matplotlib import pyplot as plt

SELECTORS = {"random": "#888888", "stratified": "#1f5fa8", "spaced": "#c2571a", "coverage": "#2b8a3e"}
_NAME = re.compile(r"(\w+)-(\d+)-s(\d+)")


@dataclass
class SelectorStudy:
    """A study of one selector, number of landmarks and seed, with its runs."""

    selector: str
    count: int
    seed: int
    study: Study
    truth: Truth
    runs: list[FinishedRun]


def main() -> None:
    root, out = Path(sys.argv[1]), Path(sys.argv[2])
    studies = list(read_studies(root))
    rows = []
    for seed in sorted({one.seed for one in studies}):
        mine = [one for one in studies if one.seed == seed]
        pool = common_pool(mine)
        print(f"seed {seed}: {len(mine)} studies, {len(pool.archs)} architectures in common", flush=True)
        rows += [row for one in mine for row in rows_of(one, pool)]
    table = with_gains(pd.DataFrame(rows))
    write_table(out.with_suffix(".csv"), table)
    print(f"\n{by_count(table)}\n\n{overall(table)}")
    figure = draw(table)
    write_atomically(out.with_suffix(".png"), lambda file: figure.savefig(file, format="png", dpi=150))


def read_studies(root: Path) -> Iterator[SelectorStudy]:
    for folder in sorted(root.iterdir()):
        found = _NAME.fullmatch(folder.name)
        if found is None or not (folder / "landmarks").is_dir():
            continue
        try:
            runs = finished_runs(folder)
        except LmregError as error:
            print(f"left out: {error}")
            continue
        study = Study(runs[0].cfg, Options(study=folder.name, root=str(root)))
        study.runtime.apply()
        truth = Truth.load(folder / "landmarks", study.space)
        yield SelectorStudy(found[1], int(found[2]), int(found[3]), study, truth, runs)


def common_pool(studies: list[SelectorStudy]) -> LandmarkSet:
    """Return the architectures that are in every study's pool; studies of one seed draw the same ones."""
    shared = set.intersection(*(set(one.truth.pool.archs) for one in studies))
    pool = studies[0].truth.pool
    return pool.subset([i for i, arch in enumerate(pool.archs) if arch in shared])


def rows_of(one: SelectorStudy, pool: LandmarkSet) -> Iterator[dict[str, object]]:
    """Yield a row per run: tau between the truth of ``pool`` and the super-net's scores."""
    truth = pool.better_sign * pool.scores
    ridge = ridge_ranking(one.study.space, one.truth.landmarks, pool).values
    ridge_tau = kendall_tau_b(truth, ridge, np.ones((1, len(ridge))))[0]
    for run in one.runs:
        scored = ScoreCache(run, one.study.options)
        taus = {
            r["score"]: r["kendall_tau"]
            for r in tau_rows("", pool, scored.scores(pool.archs), one.study.task)
        }
        yield {
            "selector": one.selector if run.result["reg"] != "none" else "none",
            "landmarks": one.count if run.result["reg"] != "none" else 0,
            "seed": one.seed,
            "n": len(pool.archs),
            "tau_by_loss": taus["loss"],
            "tau_by_accuracy": taus["accuracy"],
            "tau_of_ridge": ridge_tau if run.result["reg"] != "none" else np.nan,
        }


def with_gains(rows: pd.DataFrame) -> pd.DataFrame:
    base = rows[rows["selector"] == "none"].set_index("seed")
    rows = rows.sort_values(["selector", "landmarks", "seed"], ignore_index=True)
    for by in ("loss", "accuracy"):
        rows[f"gain_by_{by}"] = rows[f"tau_by_{by}"] - rows["seed"].map(base[f"tau_by_{by}"])
    return rows


def _mean(values: pd.Series) -> str:
    mean, low, high, _ = mean_over_seeds(values.to_numpy(), 0.95)
    return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"


def by_count(rows: pd.DataFrame) -> str:
    lines = [
        "| selector | M | seeds | tau by loss | gain by loss [95 %] | gain per landmark | "
        "gain by accuracy [95 %] | tau of ridge |",
        "|---|---|---|---|---|---|---|---|",
    ]
    none = rows[rows["selector"] == "none"]
    lines.append(f"| none | 0 | {len(none)} | {none['tau_by_loss'].mean():.3f} | | | | |")
    for selector in SELECTORS:
        for count, some in rows[rows["selector"] == selector].groupby("landmarks"):
            gain = some["gain_by_loss"]
            cells = [
                *(selector, str(count), str(len(some)), f"{some['tau_by_loss'].mean():.3f}", _mean(gain)),
                f"{gain.mean() / count:.4f}",
                *(_mean(some["gain_by_accuracy"]), f"{some['tau_of_ridge'].mean():.3f}"),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def overall(rows: pd.DataFrame) -> str:
    """Compare each selector with `random`: the difference in tau, averaged over the numbers of landmarks."""
    lines = [
        "| selector − random | by loss [95 %], p | by accuracy [95 %], p | ridge [95 %], p |",
        "|---|---|---|---|",
    ]
    for selector in SELECTORS:
        if selector == "random":
            continue
        cells = []
        for column in ("tau_by_loss", "tau_by_accuracy", "tau_of_ridge"):
            wide = rows.pivot_table(index=["seed", "landmarks"], columns="selector", values=column)
            differences = (wide[selector] - wide["random"]).dropna().groupby("seed").mean()
            p = mean_over_seeds(differences.to_numpy(), 0.95)[3]
            cells.append(f"{_mean(differences)}, {p:.2g}")
        lines.append(f"| {selector} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(rows: pd.DataFrame) -> plt.Figure:
    """Draw the gain in tau by loss (left) and per landmark (right): means over seeds with intervals."""
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for place, (selector, colour) in enumerate(SELECTORS.items()):
        mine = rows[rows["selector"] == selector]
        counts = np.array(sorted(mine["landmarks"].unique()), float)
        shift = 0.5 * (place - 1.5)  # so that bars don't overlap
        each = [mine.loc[mine["landmarks"] == count, "gain_by_loss"].to_numpy() for count in counts]
        means, low, high, _ = np.array([mean_over_seeds(values, 0.95) for values in each]).T
        for axes, scale in zip(panels, (np.ones_like(counts), counts), strict=True):
            bars = np.array([means - low, high - means]) / scale
            axes.errorbar(
                counts + shift, means / scale, bars, color=colour, marker="o", ms=4, capsize=2, lw=1.2,
                label=selector,
            )  # fmt: skip
            for count, values, divisor in zip(counts, each, scale, strict=True):
                axes.scatter(
                    np.full(len(values), count + shift), values / divisor, s=6, color=colour, alpha=0.35
                )
    for axes, title in zip(panels, ("gain in Kendall τ by loss", "gain per landmark"), strict=True):
        axes.set(xlabel="landmarks M", ylabel=title)
        axes.axhline(0, color="#bbbbbb", lw=0.8)
        axes.grid(axis="y", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize=9)
    return figure


if __name__ == "__main__":
    main()
