"""How well cheap scores and predictors rank a benchmark's architectures, by the number of landmarks.

    python scripts/study/predictors.py <table> <valid column> <test column> <docs/studies/name> [key=value]

This draws architectures from a table (all different functions), computes their training-free scores on
networks of the config that ``key=value`` (of ``lmreg search``, and ``proxies.…``) composes, and then, in
every draw, takes M of them as landmarks, whose validation scores predictors see, and ranks 400 others, whose
test scores judge; each is drawn as often as its function occurs in the table, as lmreg draws its pool. It
writes ``<name>.csv`` (a row per draw and ranking), ``<name>.png``, and prints means as Markdown. Draws share
the table and many of the judging architectures: their spread tells how much depends on the choice of
landmarks, and isn't an interval over benchmarks.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
import pandas as pd
import yaml

from lmreg.config.compose import composed
from lmreg.experiment.study import Options, Study
from lmreg.predictor.base import Known
from lmreg.predictor.encoding import encodings
from lmreg.rank.correlation import kendall_tau_b, kendall_tau_top_half
from lmreg.rank.prediction import predictions, recommended
from lmreg.rank.proxy_scores import ProxiesConfig, ProxyScores
from lmreg.space.base import Arch
from lmreg.util.files import read_table, write_atomically, write_table

matplotlib.use("Agg")
from matplotlib import pyplot as plt

ARCHS, POOL, COUNTS, DRAWS = 1500, 400, (10, 20, 30, 50, 100), 20
MOST_ROWS = 20_000  # of a table are looked at


def main() -> None:
    table_path, valid, test, out, *overrides = sys.argv[1:]
    found = scored(Path(table_path), valid, overrides, ARCHS)
    truths = (found.table[column].to_numpy(float) for column in (valid, test))
    rows = judged(found.study, found.archs, found.times, found.proxies, found.voters, *truths)
    result = pd.DataFrame(rows)
    write_table(Path(out).with_suffix(".csv"), result)
    print(f"\n{summary(result)}\n\n{against_best(result)}")
    figure = draw(result)
    write_atomically(Path(out).with_suffix(".png"), lambda file: figure.savefig(file, format="png", dpi=150))


class Scored(NamedTuple):
    """Rows of a benchmark's table that differ in function, and the training-free scores of each."""

    study: Study
    table: pd.DataFrame
    archs: list[Arch]
    times: np.ndarray
    proxies: pd.DataFrame
    voters: int


def scored(path: Path, valid: str, overrides: Sequence[str], count: int) -> Scored:
    """Return ``count`` architectures of the table, or ``proxies.archs`` of the overrides, with their scores
    on networks of the config that the other overrides compose."""
    own = {word.partition("=")[0]: word.partition("=")[2] for word in overrides if "proxies" in word}
    given = [word for word in overrides if "proxies" not in word]
    count = int(own.pop("proxies.archs", count))
    cfg, _ = composed("search", ["study=predictors", *given])
    study = Study(cfg, Options(cfg.study, cfg.root, threads=1))
    config = ProxiesConfig(
        **{key.removeprefix("proxies."): yaml.safe_load(value) for key, value in own.items()}
    )
    table, archs, times = drawn(study, path, valid, count)
    began = time.monotonic()
    scores = ProxyScores(study, config, study.data.hash)
    proxies = scores.table(archs)
    print(f"{len(archs)} architectures, training-free scores in {time.monotonic() - began:.0f} s", flush=True)
    return Scored(study, table, archs, times, proxies, scores.voters)


def drawn(study: Study, path: Path, valid: str, count: int) -> tuple[pd.DataFrame, list[Arch], np.ndarray]:
    """Return ``count`` random rows of the table that differ in function, their architectures, and how often
    each function occurs in the part of the table that was looked at."""
    parquet = path.suffix == ".parquet"
    table = pd.read_parquet(path) if parquet else read_table(path, {"arch", valid})
    first: dict[str, tuple[int, Arch]] = {}
    times: Counter[str] = Counter()
    for row in np.random.default_rng(0).permutation(len(table))[:MOST_ROWS]:
        arch = study.space.read(str(table["arch"].iloc[row]), f"row {row}")
        key = study.space.canonical(arch)
        first.setdefault(key, (int(row), arch))
        times[key] += 1
    keys = list(first)[:count]
    rows, archs = zip(*(first[key] for key in keys), strict=True)
    return table.iloc[list(rows)].reset_index(drop=True), list(archs), np.array([times[key] for key in keys])


def judged(
    study: Study,
    archs: list[Arch],
    times: np.ndarray,
    proxies: pd.DataFrame,
    voters: int,
    valid: np.ndarray,
    test: np.ndarray,
) -> list[dict[str, Any]]:
    """Return a row per draw and ranking: Kendall's tau over the pool, and in its truly better half."""
    rows = []
    views, table = encodings(study.space, archs), proxies.to_numpy(float)
    for count in COUNTS:
        for number in range(DRAWS):
            waiting = np.random.default_rng([count, number]).exponential(size=len(archs)) / times
            order = np.argsort(waiting)[: count + POOL]
            of_order = tuple(view[order] for view in views)
            known = Known(of_order, table[order], valid[order[:count]], voters=voters)
            found, pool = predictions(known), order[count:]
            ranked = {one.name: one.ranking.values for one in found}
            ranked["recommended"] = recommended(found, known.scores).ranking.values
            ranked |= {name: proxies[name].to_numpy(float)[pool] for name in proxies}
            for name, values in ranked.items():
                about = {"landmarks": count, "draw": number, "ranking": name, "n": len(pool)}
                rows.append(about | figures(test[pool], values))
    return rows


def figures(truth: np.ndarray, values: np.ndarray) -> dict[str, float]:
    ones = np.ones((1, len(truth)))
    return {
        "kendall_tau": float(kendall_tau_b(truth, values, ones)[0]),
        "top_half": float(kendall_tau_top_half(truth, values, ones)[0]),
        "regret": float(truth.max() - truth[int(np.argmax(values))]),
    }


def summary(rows: pd.DataFrame) -> str:
    lines = [
        "| ranking | M | tau: mean (sd, least of draws) | top half: mean (sd) | regret: mean | n |",
        "|---|---|---|---|---|---|",
    ]
    fitted = rows["ranking"].isin(["gp", "ridge", "recommended"])
    shown = rows[fitted | (rows["landmarks"] == 30)]
    for (name, count), some in shown.groupby(["ranking", "landmarks"], sort=False):
        tau, top = some["kendall_tau"], some["top_half"]
        lines.append(
            f"| {name} | {count} | {tau.mean():.3f} ({tau.std():.3f}, {tau.min():.3f}) | "
            f"{top.mean():.3f} ({top.std():.3f}) | {some['regret'].mean():.2f} | {int(some['n'].iloc[0])} |"
        )
    return "\n".join(lines)


def against_best(rows: pd.DataFrame) -> str:
    """Return the recommended ranking beside the one that is best on average of all others but `gp`, as
    Markdown; differences are within draws."""
    lines = [
        "| M | best other ranking | its tau | recommended | difference: mean (sd) | draws below |",
        "|---|---|---|---|---|---|",
    ]
    for count, some in rows.groupby("landmarks"):
        taus = some.pivot(index="draw", columns="ranking", values="kendall_tau")
        others = taus.drop(columns=["recommended", "gp"])
        best = others.mean().idxmax()
        gain = taus["recommended"] - others[best]
        lines.append(
            f"| {count} | {best} | {others[best].mean():.3f} | {taus['recommended'].mean():.3f} | "
            f"{gain.mean():+.3f} ({gain.std():.3f}) | {int((gain < 0).sum())} of {len(gain)} |"
        )
    return "\n".join(lines)


def draw(rows: pd.DataFrame) -> plt.Figure:
    """Draw tau against the number of landmarks for predictors, with single scores as lines."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, colour in {"gp": "#c2571a", "ridge": "#1f5fa8", "vote": "#2b8a3e"}.items():
        mine = rows[rows["ranking"] == name].groupby("landmarks")["kendall_tau"]
        if len(mine):
            axes.errorbar(
                mine.mean().index,
                mine.mean(),
                mine.std(),
                color=colour,
                marker="o",
                ms=4,
                capsize=2,
                label=name,
            )
    single = rows[~rows["ranking"].isin(["gp", "ridge", "vote", "recommended"])]
    for name, tau in single.groupby("ranking")["kendall_tau"].mean().items():
        axes.axhline(tau, color="#bbbbbb", lw=0.8)
        axes.annotate(str(name), (1, tau), xycoords=("axes fraction", "data"), fontsize=6, va="center")
    axes.set(xlabel="landmarks M", ylabel="Kendall τ")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main()
