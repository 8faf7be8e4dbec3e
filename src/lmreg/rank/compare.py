"""Gains in Kendall tau: with the regulariser against without it, and against ridge regression.

Runs with and without the regulariser share seed, data and paths, so their differences are paired.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lmreg.rank.correlation import estimate, kendall_tau_b, mean_over_seeds
from lmreg.rank.finished import FinishedRun, shared_overrides
from lmreg.rank.pool import Ranking
from lmreg.rank.statistics import Truths
from lmreg.study import config_hash

BASELINE = "none"


def pairs_of(runs: list[FinishedRun]) -> list[tuple[FinishedRun, FinishedRun]]:
    """(baseline, regularised) runs whose configs differ in nothing but the regulariser."""

    def shared(run: FinishedRun) -> str:
        return config_hash(run.config_without("reg", "landmarks_hash"))

    baselines = {shared(run): run for run in runs if run.result["reg"] == BASELINE}
    others = [run for run in runs if run.result["reg"] != BASELINE]
    return [(baselines[shared(run)], run) for run in others if shared(run) in baselines]


def paired(
    rankings: list[Ranking], truths: Truths, ridge: Ranking | None = None, landmarks_hash: str = ""
) -> pd.DataFrame:
    """Gain in Kendall tau per seed, and the mean over seeds (``seed`` = mean) where there are several.

    Per seed the interval is a bootstrap over the pool, the same resamples for both; of the mean it is
    Student's over seeds, as the p-value.

    Args:
        rankings: of every run by every score.
        ridge: compared with every run that was trained with the landmarks it was fitted to, those of
            ``landmarks_hash``.
    """
    runs = {r.run.run.name: r.run.run for r in rankings if r.run is not None}
    shared = shared_overrides(list(runs.values())) if runs else set()
    by_run: dict[str, list[Ranking]] = {name: [] for name in runs}
    for ranking in rankings:
        if ranking.run is not None:
            by_run[ranking.run.run.name].append(ranking)
    rows = []
    for baseline, run in pairs_of(list(runs.values())):
        for before, after in zip(by_run[baseline.name], by_run[run.name], strict=True):
            rows.append(_row(run, run.label(shared, seed=False), BASELINE, before, after, truths))
    for run in runs.values():
        if ridge is not None and run.cfg.get("landmarks_hash") == landmarks_hash:
            label = f"{run.label(shared, seed=False)} over ridge"
            rows += [_row(run, label, ridge.baseline, ridge, after, truths) for after in by_run[run.name]]
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    return pd.concat([table, _means(table, truths.confidence)], ignore_index=True)


def _row(
    run: FinishedRun, comparison: str, against: str, before: Ranking, after: Ranking, truths: Truths
) -> dict[str, Any]:
    taus = [kendall_tau_b(truths.values, r.values, truths.draws) for r in (before, after)]
    figure = estimate(taus[1] - taus[0], truths.n, truths.confidence)
    return {
        "comparison": comparison,
        "score": after.score,
        "seed": str(run.result["seed"]),
        "tau_without": taus[0][0],
        "tau_with": taus[1][0],
        "gain": figure.value,
        "gain_low": figure.low,
        "gain_high": figure.high,
        "p_value": float("nan"),
        "n": figure.n,
        "seeds": 1,
        "against": against,
    }


def _means(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    rows = []
    for (comparison, score, against), group in table.groupby(["comparison", "score", "against"], sort=False):
        if len(group) < 2:
            continue
        mean, low, high, p_value = mean_over_seeds(group["gain"].to_numpy(), confidence)
        rows.append(
            {
                "comparison": comparison,
                "score": score,
                "seed": "mean",
                "tau_without": np.mean(group["tau_without"]),
                "tau_with": np.mean(group["tau_with"]),
                "gain": mean,
                "gain_low": low,
                "gain_high": high,
                "p_value": p_value,
                "n": group["n"].iloc[0],
                "seeds": len(group),
                "against": against,
            }
        )
    return pd.DataFrame(rows)
