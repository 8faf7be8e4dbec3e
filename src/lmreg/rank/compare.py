"""Gains in Kendall tau: with the regulariser against without it, and against the best cheap ranking.

Runs with and without the regulariser share seed and data, and paths where these don't depend on the
weights, so their differences are paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from lmreg.config.identity import config_hash, differences
from lmreg.rank.correlation import kendall_tau_b
from lmreg.rank.finished_run import FinishedRun, shared_overrides
from lmreg.rank.intervals import holm, mean_over_seeds
from lmreg.rank.pool import Ranking
from lmreg.rank.statistics import Truths

BASELINE = "none"

_SHOWN = 3
"""Most differences of two runs that a message lists."""
_REGULARISER = ("reg", "landmarks", "landmarks_hash")
"""The parts of a run's config in which the two of a pair differ."""


def pairs_of(runs: list[FinishedRun], norm: str | None = None) -> list[tuple[FinishedRun, FinishedRun]]:
    """(baseline, regularised) runs on the same data whose super-nets differ in nothing but the regulariser
    and its landmarks, and are scored alike; of several runs with one super-net, the first.

    Args:
        norm: the batch-norm policy of scoring, if not each run's own.
    """
    without, others = _by_regulariser(_super_nets(runs, norm))
    baselines = {config_hash(_shared(run, norm)): run for run in without}
    keys = [(config_hash(_shared(run, norm)), run) for run in others]
    return [(baselines[key], run) for key, run in keys if key in baselines]


def unpaired(runs: list[FinishedRun]) -> str:
    """Why `pairs_of` has none of ``runs``: which kind is missing, or in what the nearest two differ."""
    without, others = _by_regulariser(runs)
    if not without:
        return f"all have a regulariser; search with reg={BASELINE} too"
    if not others:
        return "none has a regulariser; search with reg=landmark too"
    configs = {run.name: _shared(run, None) for run in runs}
    pairs = [(a, b, differences(configs[a.name], configs[b.name])) for a in without for b in others]
    a, b, lines = min(pairs, key=lambda pair: len(pair[2]))
    lines = ["their images or splits" if line.startswith("data_hash") else line for line in lines]
    more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return f"{a.name} and {b.name} are nearest, but differ in {'; '.join(lines[:_SHOWN])}{more}"


def _by_regulariser(runs: list[FinishedRun]) -> tuple[list[FinishedRun], list[FinishedRun]]:
    """Those without and those with one."""
    without = [run for run in runs if run.result["reg"] == BASELINE]
    return without, [run for run in runs if run.result["reg"] != BASELINE]


def _super_nets(runs: list[FinishedRun], norm: str | None) -> list[FinishedRun]:
    """One run, the first, of all that must rank alike."""
    first: dict[str, FinishedRun] = {}
    for run in runs:
        first.setdefault(config_hash(run.ranking_config(norm)), run)
    return list(first.values())


def _shared(run: FinishedRun, norm: str | None, *without: str) -> dict[str, Any]:
    """What two runs must have in common to be compared, less ``without``."""
    return run.ranking_config(norm, *_REGULARISER, *without)


@dataclass(frozen=True)
class _Compared:
    """One seed of a comparison: a run, what it is compared with, and the two taus for each draw."""

    run: FinishedRun
    score: str
    before: np.ndarray
    after: np.ndarray

    @property
    def seed(self) -> str:
        return str(self.run.result["seed"])

    @property
    def gain(self) -> np.ndarray:
        return self.after - self.before

    @property
    def defined(self) -> bool:
        return bool(np.isfinite(self.gain[0]))


def paired(
    rankings: list[Ranking],
    truths: Truths,
    cheap: Mapping[str, Sequence[Ranking]] = MappingProxyType({}),
    norm: str | None = None,
) -> pd.DataFrame:
    """Gain in Kendall tau per seed, and the mean over seeds (``seed`` = mean) where there are several.

    Per seed the interval is a bootstrap over the pool, the same resamples for both; of the mean it is
    Student's over seeds, as the p-value: it tells of other seeds with this pool and these landmarks.
    ``gain_pool_low`` and ``gain_pool_high`` bound the mean gain of these seeds over other pools.
    Both sides of a mean have the same seeds; ``left_out`` tells which others there are, and why.

    The cheap ranking that a run is compared with is the one of the highest tau on this very pool (its mean
    over the seeds where they have landmarks of their own): the toughest rival, which the choice favours.

    Args:
        rankings: of every run by every score.
        cheap: by a run's name, the cheap rankings, in the same order for all.
        norm: the batch-norm policy of scoring, if not each run's own.
    """
    runs = list({r.run.run.name: r.run.run for r in rankings if r.run is not None}.values())
    by_run: dict[str, list[Ranking]] = {run.name: [] for run in runs}
    for ranking in rankings:
        if ranking.run is not None:
            by_run[ranking.run.run.name].append(ranking)
    # Each ranking stands in several comparisons; its bootstrap is the costly part.
    taus: dict[int, np.ndarray] = {}
    for ranking in [*rankings, *(one for some in cheap.values() for one in some)]:  # most runs share those
        if id(ranking) not in taus:
            taus[id(ranking)] = truths.resampled(kendall_tau_b, ranking.values)

    shared = shared_overrides(runs) if runs else set()
    pairs = {run.name: baseline for baseline, run in pairs_of(runs, norm)}
    rows: list[dict[str, Any]] = []
    groups = _over_seeds(runs, norm)
    for group in groups:
        label = min((run.label(shared, seed=False) for run in group), key=len)
        mine = _super_nets(group, norm)
        matched = [run for run in mine if run.name in pairs]
        left_out = _without_partner(mine, matched, runs, norm)
        compared = [
            _Compared(run, after.score, taus[id(before)], taus[id(after)])
            for run in matched
            for before, after in zip(by_run[pairs[run.name].name], by_run[run.name], strict=True)
        ]
        rows += _rows(label, BASELINE, compared, left_out, truths)
    for group in groups:
        label = min((run.label(shared, seed=False) for run in group), key=len)
        mine = [run for run in _super_nets(group, norm) if cheap.get(run.name)]
        if not mine:
            continue
        means = np.mean([[taus[id(one)][0] for one in cheap[run.name]] for run in mine], axis=0)
        best = int(np.nan_to_num(means, nan=-np.inf).argmax())
        name = cheap[mine[0].name][best].baseline
        compared = [
            _Compared(run, after.score, taus[id(cheap[run.name][best])], taus[id(after)])
            for run in mine
            for after in by_run[run.name]
        ]
        rows += _rows(f"{label} over {name}", name, compared, [], truths, len(means))
    table = pd.DataFrame(rows)
    if rows:
        table.insert(table.columns.get_loc("p_value") + 1, "p_holm", holm(table["p_value"].to_numpy()))
    return table


def _over_seeds(runs: list[FinishedRun], norm: str | None) -> list[list[FinishedRun]]:
    """The runs by what they have in common but the seed."""
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        groups.setdefault(config_hash(run.ranking_config(norm, "seed")), []).append(run)
    return list(groups.values())


def _without_partner(
    mine: list[FinishedRun], matched: list[FinishedRun], runs: list[FinishedRun], norm: str | None
) -> list[str]:
    """The seeds that only one side of a comparison has, with that side."""
    if not matched:
        return []
    of_group = config_hash(_shared(matched[0], norm, "seed"))
    others = [run for run in runs if run.result["reg"] == BASELINE]
    there = {str(r.result["seed"]) for r in others if config_hash(_shared(r, norm, "seed")) == of_group}
    seeds = {str(run.result["seed"]) for run in mine}
    reasons = dict.fromkeys(seeds - there, "only with the regulariser")
    reasons |= dict.fromkeys(there - seeds, "only without it")
    return [f"{seed} ({reasons[seed]})" for seed in sorted(reasons, key=lambda seed: (len(seed), seed))]


def _rows(
    comparison: str,
    against: str,
    compared: list[_Compared],
    left_out: list[str],
    truths: Truths,
    rivals: int | None = None,
) -> list[dict[str, Any]]:
    """A comparison's rows: one per seed and score, then the mean over seeds for each score."""
    rows, means = [], []
    for score in dict.fromkeys(one.score for one in compared):
        mine = [one for one in compared if one.score == score]
        tied = [f"{one.seed} (its scores are all alike)" for one in mine if not one.defined]
        about = {
            "confidence": truths.confidence,
            "against": against,
            "rivals": rivals,
            "left_out": ", ".join([*left_out, *tied]),
        }
        for one in mine:
            rows.append(
                {"comparison": comparison, "score": score, "seed": one.seed, **_gain(one, truths), **about}
            )
        both = [one for one in mine if one.defined]
        if len(both) > 1:
            means.append(
                {"comparison": comparison, "score": score, "seed": "mean", **_mean(both, truths), **about}
            )
    return rows + means


def _gain(one: _Compared, truths: Truths) -> dict[str, Any]:
    figure = truths.estimate(one.gain)
    return {
        "tau_without": one.before[0],
        "tau_with": one.after[0],
        "gain": figure.value,
        "gain_low": figure.low,
        "gain_high": figure.high,
        "gain_pool_low": figure.low,
        "gain_pool_high": figure.high,
        "p_value": float("nan"),
        "n": figure.n,
        "seeds": 1,
    }


def _mean(both: list[_Compared], truths: Truths) -> dict[str, Any]:
    """Over the seeds for which both taus are defined."""
    gains = np.array([one.gain[0] for one in both])
    mean, low, high, p_value = mean_over_seeds(gains, truths.confidence)
    pool = truths.estimate(np.mean([one.gain for one in both], axis=0))
    return {
        "tau_without": np.mean([one.before[0] for one in both]),
        "tau_with": np.mean([one.after[0] for one in both]),
        "gain": mean,
        "gain_low": low,
        "gain_high": high,
        "gain_pool_low": pool.low,
        "gain_pool_high": pool.high,
        "p_value": p_value,
        "n": pool.n,
        "seeds": len(both),
    }
