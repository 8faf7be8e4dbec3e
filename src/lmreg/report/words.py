"""Figures and findings as people write them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

NOTHING = "–"


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
    "kendall_tau": Statistic("Kendall τ-b", "share of pairs ordered rightly less share ordered wrongly"),
    "kendall_tau_sparse_0.1": Statistic("sparse τ, 0.1", "τ-b after rounding the truth to 0.1"),
    "kendall_tau_sparse_1": Statistic("sparse τ, 1", "τ-b after rounding the truth to 1"),
    "spearman": Statistic("Spearman ρ", "correlation of the ranks"),
    "kendall_tau_top_half": Statistic("τ in the top half", "τ-b among the truly better half"),
    "regret": Statistic(
        "regret", "how much truer quality the best of the pool has than the one ranked first", 2
    ),
    "true_rank": Statistic("true rank of the first", "true rank of the one ranked first; 1 is best", 0),
    "precision_at_5": Statistic("precision at 5", "share of the five ranked first that truly are among them", 2),
    "precision_at_10": Statistic("precision at 10", "the same for ten", 2),
}


def statistic(name: str) -> Statistic:
    return STATISTICS.get(name, Statistic(name.replace("_", " "), ""))


BASELINES = {
    "params": "number of parameters",
    "macs": "number of MACs",
    "ridge": "ridge on the landmarks",
    "ridge+score": "ridge with the super-net's score",
}


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
    means = rows[rows["seed"].astype(str) == "mean"]
    seeds = rows[rows["seed"].astype(str) != "mean"]
    row = (means if len(means) else seeds).iloc[0].to_dict()
    count = len(seeds)
    low, high, gain = row["gain_low"], row["gain_high"], row["gain"]
    taus = f"Kendall's τ-b by {by} is {number(row['tau_without'])} without and {number(row['tau_with'])} with it"
    figure = f"{number(gain, signed=True)} {interval(low, high, signed=True)}".strip()
    if not math.isfinite(gain):
        verdict, text = "undefined", f"{taus}: not defined, because scores or truth are all the same."
    elif count == 1:
        verdict = "one seed only"
        text = f"{taus}, a gain of {figure} over the {row['n']} architectures. {_one_seed(low, high)}"
    else:
        verdict = _verdict(gain, low, high)
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


def _verdict(gain: float, low: float, high: float) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return "no interval"
    if low <= 0 <= high:
        return "no clear difference"
    return "ranks better" if gain > 0 else "ranks worse"


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
    few = f" {count} seeds show a direction at best; take five or more for a conclusion." if count < 5 else ""
    return f"{signs} {said}{few}"


def against_baseline(rows: pd.DataFrame, tau_with: float) -> str:
    """One sentence on ridge regression from the same landmarks, empty where it was not evaluated."""
    ridge = rows[rows["baseline"] == "ridge"]
    if ridge.empty or not math.isfinite(tau_with) or not math.isfinite(ridge["value"].iloc[0]):
        return ""
    row = ridge.iloc[0]
    figure = f"{number(row['value'])} {interval(row['low'], row['high'])}".strip()
    place = "above" if tau_with > row["value"] else "not above"
    return (
        f"Ridge regression on the same landmarks' scores, which needs no super-net, ranks at τ-b {figure}; "
        f"the super-net with the regulariser ({number(tau_with)}) is {place} it."
    )
