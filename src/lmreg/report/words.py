"""Figures and findings as people write them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

NOTHING = "–"

NO_PAIR = "No pair of runs with and without the regulariser to compare"

FEW_SEEDS = 5
"""Fewer show a direction at best."""


def number(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    """``value`` with a fixed number of digits and a real minus sign; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:{'+' if signed else ''},.{digits}f}".replace("-", "−")


def interval(low: float, high: float, digits: int = 3, *, signed: bool = False) -> str:
    """``[low, high]``, or nothing where there is no interval."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{number(low, digits, signed=signed)}, {number(high, digits, signed=signed)}]"


def p_value(p: float) -> str:
    if not math.isfinite(p):
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def counted(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def listed(items: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


@dataclass(frozen=True)
class Statistic:
    """How a statistic of ``metrics.csv`` is shown: heading, what it means, digits after the point."""

    heading: str
    meaning: str
    digits: int = 3


STATISTICS = {
    "kendall_tau": Statistic("Kendall τ‑b", "share of pairs ordered rightly less share ordered wrongly"),
    "kendall_tau_sparse_0.1": Statistic("sparse τ, 0.1 %", "τ-b after rounding the truth to 0.1 %"),
    "kendall_tau_sparse_1": Statistic("sparse τ, 1 %", "τ-b after rounding the truth to 1 %"),
    "spearman": Statistic("Spearman ρ", "correlation of the ranks"),
    "kendall_tau_top_half": Statistic("τ in the top half", "τ-b among the truly better half only"),
    "regret": Statistic(
        "regret", "by how much the one ranked first is truly worse than the best; 0 is perfect", 2
    ),
    "true_rank": Statistic("true rank of the first", "among the n, of the one ranked first; 1 is perfect", 0),
}


def statistic(name: str) -> Statistic:
    """How the statistic of that name is shown."""
    start, _, k = name.rpartition("_")
    if start == "precision_at":
        meaning = f"share of the {k} ranked first that are truly among the {k} best"
        return Statistic(f"precision at\u00a0{k}", meaning, 2)
    return STATISTICS.get(name, Statistic(name.replace("_", " "), ""))


BASELINES = {
    "params": "the number of parameters",
    "macs": "the number of MACs",
    "ridge": "ridge regression on the landmarks",
}


def baseline(name: str) -> str:
    return BASELINES.get(name, name)


def figure(row: dict[str, Any]) -> str:
    """The ``value`` of a row and its interval."""
    return f"{number(row['value'])} {interval(row['low'], row['high'])}".strip()


@dataclass(frozen=True)
class Finding:
    """What one comparison tells: a word for it, a sentence, and figures (name, value, remark)."""

    comparison: str
    verdict: str
    text: str
    tiles: list[tuple[str, str, str]]


def finding(rows: pd.DataFrame, by: str) -> Finding:
    """The finding of one comparison.

    Args:
        rows: of ``paired.csv`` for one comparison and score: one per seed, and the mean where there is one.
        by: the super-net score in words.
    """
    row, seeds = overall(rows), rows[rows["seed"].astype(str) != "mean"]
    count = len(seeds)
    low, high, gain = row["gain_low"], row["gain_high"], row["gain"]
    taus = f"Kendall's τ-b by {by} is {number(row['tau_without'])} without the regulariser and "
    taus += f"{number(row['tau_with'])} with it"
    figure = f"{number(gain, signed=True)} {interval(low, high, signed=True)}".strip()
    if not math.isfinite(gain):
        verdict, text = "undefined", f"{taus}: not defined, because scores or truth are all the same."
    elif count == 1:
        verdict = "one seed only"
        text = f"{taus}, a gain of {figure} over the {row['n']} architectures. {_one_seed(low, high)}"
    else:
        verdict = _verdict(row, count)
        text = f"{taus}, means over {count} paired seeds: a gain of {figure}. {_seeds(seeds, row)}"
    name, shown = ("", "one seed") if count == 1 else ("mean ", f"mean of {count} seeds")
    tiles = [
        ("τ without", number(row["tau_without"]), shown),
        ("τ with", number(row["tau_with"]), shown),
        (f"{name}gain", number(gain, signed=True), interval(low, high, signed=True)),
    ]
    if p_value(row["p_value"]):
        tiles.append(("p", p_value(row["p_value"]), "two-sided, gain = 0"))
    tiles.append(("n", f"{int(row['n']):,}", f"architectures, {counted(count, 'seed')}"))
    return Finding(str(row["comparison"]), verdict, text, tiles)


def overall(rows: pd.DataFrame) -> dict[str, Any]:
    """Of one comparison's rows by one score the mean over seeds; the only seed's where there is one."""
    means = rows[rows["seed"].astype(str) == "mean"]
    return {str(k): v for k, v in (means if len(means) else rows).iloc[0].to_dict().items()}


def _verdict(row: dict[str, Any], seeds: int) -> str:
    """Only what both intervals of the mean bear out, the one over seeds and the one over pools."""
    bounds = [(row["gain_low"], row["gain_high"])]
    if "gain_pool_low" in row:
        bounds.append((row["gain_pool_low"], row["gain_pool_high"]))
    if not all(math.isfinite(bound) for pair in bounds for bound in pair):
        return "no interval"
    if any(low <= 0 <= high for low, high in bounds):
        return "no clear difference"
    if seeds < FEW_SEEDS:
        return f"a direction, from {seeds} seeds"
    return "ranks better" if row["gain"] > 0 else "ranks worse"


def _one_seed(low: float, high: float) -> str:
    spans = low <= 0 <= high
    first = "The interval includes zero, and it" if spans else "The interval excludes zero, but it"
    return (
        f"{first} tells only of which architectures are in the pool: one seed can't tell whether the "
        "regulariser helps. Search with more seeds."
    )


def _seeds(seeds: pd.DataFrame, row: dict[str, Any]) -> str:
    up, count = int((seeds["gain"] > 0).sum()), len(seeds)
    signs = f"The gain is above zero for {up} of {count} seeds."
    low, high = row["gain_low"], row["gain_high"]
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{signs} All seeds gain the same, which gives no interval."
    p = p_value(row["p_value"])
    p = f" (p {p if p.startswith('<') else f'= {p}'})"
    if low <= 0 <= high:
        said = f"The interval over seeds includes zero{p}: this does not show a difference."
    else:
        said = f"The interval over seeds excludes zero{p}."
    few_seeds = count < FEW_SEEDS
    few = f" {count} seeds show a direction at best; take five or more for a conclusion." if few_seeds else ""
    return f"{signs} {said}{few}{_other_pools(seeds)}"


def _other_pools(seeds: pd.DataFrame) -> str:
    """A warning where another pool could turn the result: an interval over seeds doesn't know of pools."""
    open_ones = int(((seeds["gain_low"] <= 0) & (seeds["gain_high"] >= 0)).sum())
    if not open_ones:
        return ""
    return (
        f" Over architectures the interval includes zero for {open_ones} of {len(seeds)} seeds: "
        "a larger pool is needed to tell."
    )


def over_ridge(rows: pd.DataFrame) -> str:
    """One comparison with ridge regression in a sentence; ``rows`` as for `finding`."""
    row = overall(rows)
    low, high = row["gain_low"], row["gain_high"]
    gain = f"{number(row['gain'], signed=True)} {interval(low, high, signed=True)}".strip()
    p = p_value(row["p_value"])
    over = f"over {counted(row['seeds'], 'seed')}" + (p and f", p {p if p[0] == '<' else f'= {p}'}")
    sign = ", so no clear difference" if low <= 0 <= high else ""  # false without an interval
    return (
        f"Ridge regression on the same landmarks ranks at {number(row['tau_without'])} without a super-net. "
        f"The super-net with the regulariser gains {gain} over that ({over}){sign}."
        f"{_other_pools(rows[rows['seed'].astype(str) != 'mean'])}"
    )


def against_baselines(rows: pd.DataFrame, tau_with: float) -> str:
    """What rankings that need no super-net do, and how the super-net stands beside them.

    Args:
        rows: Kendall taus of ``baselines.csv`` by one score.
        tau_with: the super-net's with the regulariser (a mean over seeds).
    """
    alone = rows[rows["run"].isna() & rows["value"].notna()]
    if alone.empty or not math.isfinite(tau_with):
        return ""
    rankings = [{str(k): v for k, v in row.items()} for row in alone.to_dict("records")]
    figures = [f"{baseline(row['baseline'])} {figure(row)}" for row in rankings]
    below = [baseline(row["baseline"]) for row in rankings if not tau_with > row["value"]]
    above = "above all of these" if not below else f"not above {listed(below)}"
    return (
        f"Rankings that need no super-net reach: {listed(figures)}. "
        f"The super-net with the regulariser, at {number(tau_with)}, is {above}."
    )
