"""Gains in Kendall's tau: of the regulariser over none, and of super-nets over the best cheap ranking.

Runs with and without the regulariser share seed, data and (unless paths depend on the weights) sampled paths,
so their differences are paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from lmreg.config.identity import config_hash, differences
from lmreg.rank.finished_run import NO_REGULARISER, FinishedRun, shared_overrides
from lmreg.rank.intervals import holm, mean_over_seeds
from lmreg.rank.pool import Ranking, by_run
from lmreg.rank.statistics import ResampledTruth

_SHOWN = 3
"""A message lists at most this many differences of two runs."""
_REGULARISER = ("reg", "landmarks", "landmarks_hash")
"""The parts of the config in which the two runs of a pair may differ."""


def matched_pairs(runs: list[FinishedRun], norm: str | None = None) -> list[tuple[FinishedRun, FinishedRun]]:
    """Return (unregularised, regularised) pairs of runs that agree in everything else: data, config, scoring
    (with the batch-norm policy ``norm``; None: each run's own). Of equal super-nets only the first run
    counts."""
    without, others = _by_regulariser(_distinct_super_nets(runs, norm))
    baselines = {config_hash(_shared(run, norm)): run for run in without}
    keys = [(config_hash(_shared(run, norm)), run) for run in others]
    return [(baselines[key], run) for key, run in keys if key in baselines]


def why_unpaired(runs: list[FinishedRun]) -> str:
    """Say why `matched_pairs` finds none: which kind is missing, or how the two most similar runs differ."""
    without, others = _by_regulariser(runs)
    if not without:
        return f"all runs have a regulariser; search with reg={NO_REGULARISER} too"
    if not others:
        return "no run has a regulariser; search with reg=landmark too"
    configs = {run.name: _shared(run, None) for run in runs}
    pairs = [(a, b, differences(configs[a.name], configs[b.name])) for a in without for b in others]
    a, b, lines = min(pairs, key=lambda pair: len(pair[2]))
    lines = ["their images or splits" if line.startswith("data_hash") else line for line in lines]
    more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return f"the most similar are {a.name} and {b.name}, which differ in {'; '.join(lines[:_SHOWN])}{more}"


def _by_regulariser(runs: list[FinishedRun]) -> tuple[list[FinishedRun], list[FinishedRun]]:
    """Split ``runs`` into those without and those with a regulariser."""
    without = [run for run in runs if run.result["reg"] == NO_REGULARISER]
    return without, [run for run in runs if run.result["reg"] != NO_REGULARISER]


def _distinct_super_nets(runs: list[FinishedRun], norm: str | None) -> list[FinishedRun]:
    """Return the first run of each group whose configs imply the same super-net and scores."""
    return [group[0] for group in alike(runs, norm)]


def alike(runs: list[FinishedRun], norm: str | None, *without: str) -> list[list[FinishedRun]]:
    """Group the runs whose `FinishedRun.ranking_config` is the same but for the keys ``without``."""
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        groups.setdefault(config_hash(run.ranking_config(norm, *without)), []).append(run)
    return list(groups.values())


def _shared(run: FinishedRun, norm: str | None, *without: str) -> dict[str, Any]:
    """Return the config in which two runs must agree to be compared, except the keys ``without``."""
    return run.ranking_config(norm, *_REGULARISER, *without)


@dataclass(frozen=True)
class _SeedComparison:
    """One seed of a comparison: the run, and for each draw the tau of its rival and its own."""

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


def paired_gains(
    rankings: list[Ranking],
    truth: ResampledTruth,
    cheap: Mapping[str, Sequence[Ranking]] = MappingProxyType({}),
    norm: str | None = None,
) -> pd.DataFrame:
    """Return the gain in Kendall's tau per seed, and over several seeds the mean (``seed`` = mean).

    The interval of one seed is a bootstrap over the pool with the same resamples for both sides. The interval
    and p-value of the mean are Student's over seeds: they generalise to other seeds with this pool and these
    landmarks. ``gain_pool_low`` and ``gain_pool_high`` bound the mean gain of these seeds over other pools.
    Both sides of a mean have the same seeds; ``left_out`` lists the other seeds and why they are left out.

    A run's rival is the cheap ranking with the highest tau on this very pool (the highest mean over seeds if
    these have landmarks of their own). That choice favours the rival.

    Args:
        rankings: of every run by every score.
        truth: of the pool that is ranked.
        cheap: the cheap rankings by name of run, in the same order for all runs.
        norm: batch-norm policy of scoring; None for each run's own.
    """
    of_runs = by_run(rankings)
    runs = [some[0].run for some in of_runs.values() if some[0].run is not None]
    shared = shared_overrides(runs) if runs else set()
    pairs = {run.name: baseline for baseline, run in matched_pairs(runs, norm)}
    rows: list[dict[str, Any]] = []
    over_cheap: list[dict[str, Any]] = []
    for group in alike(runs, norm, "seed"):
        label = min((run.label(shared, seed=False) for run in group), key=len)
        mine = _distinct_super_nets(group, norm)
        matched = [run for run in mine if run.name in pairs]
        left_out = _unmatched_seeds(mine, matched, runs, norm)
        compared = [
            _SeedComparison(run, after.score, truth.taus(before.values), truth.taus(after.values))
            for run in matched
            for before, after in zip(of_runs[pairs[run.name].name], of_runs[run.name], strict=True)
        ]
        rows += _comparison_rows(label, NO_REGULARISER, compared, left_out, truth)
        mine = [run for run in mine if cheap.get(run.name)]
        if not mine:
            continue
        means = np.mean([[truth.taus(one.values)[0] for one in cheap[run.name]] for run in mine], axis=0)
        best = int(np.nan_to_num(means, nan=-np.inf).argmax())
        name = cheap[mine[0].name][best].baseline
        compared = [
            _SeedComparison(
                run, after.score, truth.taus(cheap[run.name][best].values), truth.taus(after.values)
            )
            for run in mine
            for after in of_runs[run.name]
        ]
        over_cheap += _comparison_rows(f"{label} over {name}", name, compared, [], truth, len(means))
    table = pd.DataFrame(rows + over_cheap)
    if len(table):
        table.insert(table.columns.get_loc("p_value") + 1, "p_holm", holm(table["p_value"].to_numpy()))
    return table


def _unmatched_seeds(
    mine: list[FinishedRun], matched: list[FinishedRun], runs: list[FinishedRun], norm: str | None
) -> list[str]:
    """List the seeds that only one side of a comparison has, and which side that is."""
    if not matched:
        return []
    of_group = config_hash(_shared(matched[0], norm, "seed"))
    others = [run for run in runs if run.result["reg"] == NO_REGULARISER]
    there = {str(r.result["seed"]) for r in others if config_hash(_shared(r, norm, "seed")) == of_group}
    seeds = {str(run.result["seed"]) for run in mine}
    reasons = dict.fromkeys(seeds - there, "only with the regulariser")
    reasons |= dict.fromkeys(there - seeds, "only without the regulariser")
    return [f"{seed} ({reasons[seed]})" for seed in sorted(reasons, key=lambda seed: (len(seed), seed))]


def _comparison_rows(
    comparison: str,
    against: str,
    compared: list[_SeedComparison],
    left_out: list[str],
    truth: ResampledTruth,
    rivals: int | None = None,
) -> list[dict[str, Any]]:
    """Return a comparison's rows: one per seed and score, then the mean over seeds for each score."""
    rows, means = [], []
    for score in dict.fromkeys(one.score for one in compared):
        mine = [one for one in compared if one.score == score]
        tied = [f"{one.seed} (all its scores are equal)" for one in mine if not one.defined]
        about = {
            "confidence": truth.confidence,
            "against": against,
            "rivals": rivals,
            "left_out": ", ".join([*left_out, *tied]),
        }
        key = {"comparison": comparison, "score": score}
        rows += [{**key, "seed": one.seed, **_gain_fields([one], truth), **about} for one in mine]
        both = [one for one in mine if one.defined]
        if len(both) > 1:
            means.append({**key, "seed": "mean", **_gain_fields(both, truth), **about})
    return rows + means


def _gain_fields(seeds: list[_SeedComparison], truth: ResampledTruth) -> dict[str, Any]:
    """Return the gain of one seed, or the mean gain over several, with its intervals."""
    pool = truth.estimate(np.mean([one.gain for one in seeds], axis=0))
    gain, low, high, p_value = pool.value, pool.low, pool.high, float("nan")
    if len(seeds) > 1:
        gains = np.array([one.gain[0] for one in seeds])
        gain, low, high, p_value = mean_over_seeds(gains, truth.confidence)
    return {
        "tau_without": np.mean([one.before[0] for one in seeds]),
        "tau_with": np.mean([one.after[0] for one in seeds]),
        "gain": gain,
        "gain_low": low,
        "gain_high": high,
        "gain_pool_low": pool.low,
        "gain_pool_high": pool.high,
        "p_value": p_value,
        "n": pool.n,
        "seeds": len(seeds),
    }
