"""Gains in Kendall tau: with the regulariser against without it, and against ridge regression.

Runs with and without the regulariser share seed and data, and paths where these don't depend on the
weights, so their differences are paired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from lmreg.identity import config_hash, differences
from lmreg.rank.correlation import estimate, kendall_tau_b, mean_over_seeds
from lmreg.rank.finished import FinishedRun, shared_overrides
from lmreg.rank.pool import Ranking
from lmreg.rank.statistics import Truths

BASELINE = "none"

_SHOWN = 3
"""Most differences of two runs that a message lists."""


@dataclass(frozen=True)
class _Gain:
    """One seed's row, the hash of all its config but the seed, and its gain for each resample [1 + B]."""

    row: dict[str, Any]
    config: str
    resampled: np.ndarray


def pairs_of(runs: list[FinishedRun]) -> list[tuple[FinishedRun, FinishedRun]]:
    """(baseline, regularised) runs on the same data, whose configs differ in nothing but the regulariser
    and its landmarks."""
    without, others = _by_regulariser(runs)
    baselines = {config_hash(_shared(run)): run for run in without}
    keys = [(config_hash(_shared(run)), run) for run in others]
    return [(baselines[key], run) for key, run in keys if key in baselines]


def unpaired(runs: list[FinishedRun]) -> str:
    """Why `pairs_of` has none of ``runs``: which kind is missing, or in what the nearest two differ."""
    without, others = _by_regulariser(runs)
    if not without:
        return f"all have a regulariser; search with reg={BASELINE} too"
    if not others:
        return "none has a regulariser; search with reg=landmark too"
    configs = {run.name: _shared(run) for run in runs}
    pairs = [(a, b, differences(configs[a.name], configs[b.name])) for a in without for b in others]
    a, b, lines = min(pairs, key=lambda pair: len(pair[2]))
    lines = ["their images or splits" if line.startswith("data_hash") else line for line in lines]
    more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return f"{a.name} and {b.name} are nearest, but differ in {'; '.join(lines[:_SHOWN])}{more}"


def _by_regulariser(runs: list[FinishedRun]) -> tuple[list[FinishedRun], list[FinishedRun]]:
    """Those without and those with one."""
    without = [run for run in runs if run.result["reg"] == BASELINE]
    return without, [run for run in runs if run.result["reg"] != BASELINE]


def _shared(run: FinishedRun) -> dict[str, Any]:
    """What two runs must have in common to be compared."""
    return run.config_without("reg", "landmarks_hash", "landmarks") | {"data_hash": run.result["data_hash"]}


def paired(
    rankings: list[Ranking], truths: Truths, ridge: Mapping[str, Ranking] = MappingProxyType({})
) -> pd.DataFrame:
    """Gain in Kendall tau per seed, and the mean over seeds (``seed`` = mean) where there are several.

    Per seed the interval is a bootstrap over the pool, the same resamples for both; of the mean it is
    Student's over seeds, as the p-value: it tells of other seeds with this pool and these landmarks.
    ``gain_pool_low`` and ``gain_pool_high`` bound the mean gain of these seeds over other pools.

    Args:
        rankings: of every run by every score.
        ridge: by a run's name, the ridge regression fitted to the landmarks that it was trained with.
    """
    runs = {r.run.run.name: r.run.run for r in rankings if r.run is not None}
    shared = shared_overrides(list(runs.values())) if runs else set()
    by_run: dict[str, list[Ranking]] = {name: [] for name in runs}
    for ranking in rankings:
        if ranking.run is not None:
            by_run[ranking.run.run.name].append(ranking)
    # Each ranking stands in several comparisons; its bootstrap is the costly part.
    taus = {id(r): truths.resampled(kendall_tau_b, r.values) for r in rankings}
    for regression in ridge.values():  # most runs share one
        if id(regression) not in taus:
            taus[id(regression)] = truths.resampled(kendall_tau_b, regression.values)

    def compared(run: FinishedRun, label: str, against: str, before: Ranking, after: Ranking) -> _Gain:
        return _gain(run, label, against, after.score, taus[id(before)], taus[id(after)], truths)

    rows: list[_Gain] = []
    for baseline, run in pairs_of(list(runs.values())):
        for before, after in zip(by_run[baseline.name], by_run[run.name], strict=True):
            rows.append(compared(run, run.label(shared, seed=False), BASELINE, before, after))
    for run in runs.values():
        if (mine := ridge.get(run.name)) is not None:
            label = f"{run.label(shared, seed=False)} over ridge"
            rows += [compared(run, label, mine.baseline, mine, after) for after in by_run[run.name]]
    return pd.DataFrame([gain.row for gain in rows] + _means(rows, truths))


def _gain(
    run: FinishedRun,
    comparison: str,
    against: str,
    score: str,
    before: np.ndarray,
    after: np.ndarray,
    truths: Truths,
) -> _Gain:
    """Of the taus ``before`` and ``after`` for each resample [1 + B]."""
    figure = estimate(after - before, truths.n, truths.confidence)
    row = {
        "comparison": comparison,
        "score": score,
        "seed": str(run.result["seed"]),
        "tau_without": before[0],
        "tau_with": after[0],
        "gain": figure.value,
        "gain_low": figure.low,
        "gain_high": figure.high,
        "gain_pool_low": figure.low,
        "gain_pool_high": figure.high,
        "p_value": float("nan"),
        "n": figure.n,
        "seeds": 1,
        "against": against,
    }
    return _Gain(row, config_hash(run.config_without("seed")), after - before)


def _means(gains: list[_Gain], truths: Truths) -> list[dict[str, Any]]:
    """A row for every comparison by every score of runs that differ in nothing but the seed."""
    groups: dict[tuple[str, ...], list[_Gain]] = {}
    for gain in gains:
        row = gain.row
        groups.setdefault((row["comparison"], row["score"], row["against"], gain.config), []).append(gain)
    rows = []
    for group in groups.values():
        if len(group) < 2:
            continue
        table = pd.DataFrame([gain.row for gain in group])
        mean, low, high, p_value = mean_over_seeds(table["gain"].to_numpy(), truths.confidence)
        pool = estimate(np.mean([gain.resampled for gain in group], axis=0), truths.n, truths.confidence)
        rows.append(
            group[0].row
            | {
                "seed": "mean",
                "tau_without": table["tau_without"].mean(),
                "tau_with": table["tau_with"].mean(),
                "gain": mean,
                "gain_low": low,
                "gain_high": high,
                "gain_pool_low": pool.low,
                "gain_pool_high": pool.high,
                "p_value": p_value,
                "seeds": len(group),
            }
        )
    return rows
