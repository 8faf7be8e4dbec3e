"""With the regulariser against without it: the same seed, data and paths, so differences are paired."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lmreg.rank.correlation import estimate, kendall_tau_b, mean_over_seeds
from lmreg.rank.pool import FinishedRun, oriented, shared_overrides
from lmreg.study import config_hash
from lmreg.task.base import Task
from lmreg.truth import LandmarkSet

BASELINE = "none"


def pairs_of(runs: list[FinishedRun]) -> list[tuple[FinishedRun, FinishedRun]]:
    """(baseline, regularised) runs whose configs differ in nothing but the regulariser."""

    def shared(run: FinishedRun) -> str:
        return config_hash(run.config_without("reg", "landmarks_hash"))

    baselines = {shared(run): run for run in runs if run.result["reg"] == BASELINE}
    others = [run for run in runs if run.result["reg"] != BASELINE]
    return [(baselines[shared(run)], run) for run in others if shared(run) in baselines]


def paired(
    runs: list[FinishedRun],
    tables: dict[str, pd.DataFrame],
    pool: LandmarkSet,
    task: Task,
    draws: np.ndarray,
    confidence: float,
) -> pd.DataFrame:
    """Gain in Kendall tau per seed, and the mean over seeds (``seed`` = mean) where there are several.

    Per seed the interval is a bootstrap over the pool, the same resamples for both runs; of the mean
    it is Student's over seeds, as the p-value.
    """
    rows: list[dict[str, Any]] = []
    shared = shared_overrides(runs) if runs else set()
    for baseline, other in pairs_of(runs):
        for name, score in task.scores.items():
            truth, before = oriented(tables[baseline.name], pool, score.column, score.sign)
            _, after = oriented(tables[other.name], pool, score.column, score.sign)
            without, with_it = (kendall_tau_b(truth, values, draws) for values in (before, after))
            figure = estimate(with_it - without, len(truth), confidence)
            rows.append(
                {
                    "comparison": other.label(shared, seed=False),
                    "score": name,
                    "seed": str(other.result["seed"]),
                    "tau_without": without[0],
                    "tau_with": with_it[0],
                    "gain": figure.value,
                    "gain_low": figure.low,
                    "gain_high": figure.high,
                    "p_value": float("nan"),
                    "n": figure.n,
                    "seeds": 1,
                }
            )
    table = pd.DataFrame(rows)
    return table if table.empty else pd.concat([table, _means(table, confidence)], ignore_index=True)


def _means(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    rows = []
    for (comparison, score), group in table.groupby(["comparison", "score"], sort=False):
        if len(group) < 2:
            continue
        mean, low, high, p_value = mean_over_seeds(group["gain"].to_numpy(), confidence)
        rows.append(
            {
                "comparison": comparison,
                "score": score,
                "seed": "mean",
                "tau_without": group["tau_without"].mean(),
                "tau_with": group["tau_with"].mean(),
                "gain": mean,
                "gain_low": low,
                "gain_high": high,
                "p_value": p_value,
                "n": group["n"].iloc[0],
                "seeds": len(group),
            }
        )
    return pd.DataFrame(rows)
