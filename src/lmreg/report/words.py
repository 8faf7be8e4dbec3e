"""Numbers and findings in words, as reports print them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lmreg.rank.intervals import SEEDS_FOR_INTERVAL
from lmreg.rank.prediction import GP, WITH_SUPER_NET
from lmreg.util.progress import counted

NOTHING = "–"
"""Stands for a missing value."""
NO_PAIR = "No pair of runs with and without the regulariser to compare"

SEEDS_FOR_CONCLUSION = 5
"""Fewer seeds show a direction at best."""


def number(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    """Return ``value`` with a fixed number of digits and a real minus sign; a dash if it is missing."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:{'+' if signed else ''},.{digits}f}".replace("-", "−")


def interval(low: float, high: float, digits: int = 3, *, signed: bool = False) -> str:
    """Return ``[low, high]``; empty if there is no interval."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{number(low, digits, signed=signed)}, {number(high, digits, signed=signed)}]"


def p_value(p: float) -> str:
    """Return a p-value in two significant digits or so; empty if there is none."""
    if not math.isfinite(p):
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def listed(items: list[str]) -> str:
    """Return ``a``, ``a and b``, or ``a, b and c``."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


@dataclass(frozen=True)
class Statistic:
    """How a statistic of ``metrics.csv`` is shown: heading, what it means, digits after the point."""

    heading: str
    meaning: str
    digits: int = 3


STATISTICS = {
    "kendall_tau": Statistic(
        "Kendall τ‑b", "share of pairs in the right order minus share in the wrong order"
    ),
    "kendall_tau_sparse_0.1": Statistic("sparse τ, 0.1 %", "τ-b after rounding the truth to 0.1 %"),
    "kendall_tau_sparse_1": Statistic("sparse τ, 1 %", "τ-b after rounding the truth to 1 %"),
    "spearman": Statistic("Spearman ρ", "correlation of the ranks"),
    "kendall_tau_top_half": Statistic("τ in the top half", "τ-b within the truly better half"),
    "regret": Statistic(
        "regret", "truth of the best architecture minus truth of the one ranked first; 0 is perfect", 2
    ),
    "true_rank": Statistic(
        "true rank of the first", "rank by truth of the one ranked first; 1 is perfect", 0
    ),
}


def statistic(name: str) -> Statistic:
    """Return how the statistic of that name is shown."""
    start, _, k = name.rpartition("_")
    if start == "precision_at":
        meaning = f"share of the {k} ranked first that are truly among the best {k}"
        return Statistic(f"precision at\u00a0{k}", meaning, 2)
    return STATISTICS.get(name, Statistic(name.replace("_", " "), ""))


BASELINES = {
    "params": "parameters",
    "macs": "MACs",
    "ridge": "ridge",
    "ridge_costs": "ridge with costs",
    "ridge_score": "ridge with the score",
    "vote": "vote of the training-free scores",
    GP: "Gaussian process",
    WITH_SUPER_NET: "Gaussian process with",
    "ceiling": "ceiling: a perfect ranking",
    "truth_seeds": "one training seed by another",
}


def baseline(name: str) -> str:
    """Return a baseline in words; its name if there are none."""
    return BASELINES.get(name, name)


def baseline_of(row: dict[str, Any]) -> str:
    """Return the baseline of a row of ``baselines.csv`` or ``recommended.csv`` in words."""
    name = str(row.get("baseline", row.get("ranking")))
    return f"{baseline(name)} {row['label']}" if name == WITH_SUPER_NET else baseline(name)


def with_interval(value: float, low: float, high: float, *, signed: bool = False) -> str:
    """Return ``value [low, high]``; the value alone if there is no interval."""
    return f"{number(value, signed=signed)} {interval(low, high, signed=signed)}".strip()


def figure(row: dict[str, Any]) -> str:
    """Return the ``value`` of a row with its interval."""
    return with_interval(row["value"], row["low"], row["high"])


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as dicts by column."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


@dataclass(frozen=True)
class Finding:
    """The result of one comparison: a short verdict, sentences, and ``tiles`` (name, value, remark)."""

    comparison: str
    verdict: str
    text: str
    tiles: list[tuple[str, str, str]]


def finding(rows: pd.DataFrame, by: str) -> Finding:
    """Return the finding of one comparison.

    Args:
        rows: the rows of ``paired.csv`` for one comparison and score: one per seed, and perhaps their mean.
        by: the super-net score in words.
    """
    row, each = overall_row(rows), _defined(rows)
    count = len(each)
    low, high, gain = row["gain_low"], row["gain_high"], row["gain"]
    taus = f"Kendall's τ-b by {by} is {number(row['tau_without'])} without the regulariser and "
    taus += f"{number(row['tau_with'])} with it"
    figure = with_interval(gain, low, high, signed=True)
    if not math.isfinite(gain):
        verdict, text = "undefined", f"{taus}: undefined, because all scores or all truths are equal."
    elif count <= 1:
        verdict = "one seed only"
        text = f"{taus}, a gain of {figure} for {row['n']} architectures. {_one_seed(low, high)}"
    else:
        verdict = _verdict(row, each)
        text = f"{taus}, means over {count} paired seeds: a gain of {figure}. {_seeds(each, row)}"
    name, shown = ("", "one seed") if count <= 1 else ("mean ", f"mean of {count} seeds")
    tiles = [
        ("τ without", number(row["tau_without"]), shown),
        ("τ with", number(row["tau_with"]), shown),
        (f"{name}gain", number(gain, signed=True), interval(low, high, signed=True)),
    ]
    if p_value(row["p_holm"]):
        tiles.append(("p", p_value(row["p_holm"]), "for gain = 0, two-sided, corrected (Holm)"))
    tiles.append(("n", f"{int(row['n']):,}", f"architectures, {counted(count, 'seed')}"))
    return Finding(str(row["comparison"]), verdict, text, tiles)


def overall_row(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the mean over seeds from one comparison's rows by one score, or the row of its only seed."""
    means, each = rows[rows["seed"].astype(str) == "mean"], _defined(rows)
    chosen = next(some for some in (means, each, rows) if len(some))
    return records(chosen)[0]


def _defined(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of single seeds that have a gain."""
    return rows[(rows["seed"].astype(str) != "mean") & rows["gain"].notna()]


def _p_values(row: dict[str, Any]) -> str:
    """Return the p-value in brackets, with the corrected one if that differs."""
    p, holm = (p_value(row[name]) for name in ("p_value", "p_holm"))
    if not p:
        return ""
    single, corrected = (text if text.startswith("<") else f"= {text}" for text in (p, holm))
    return f" (p {single})" if p == holm else f" (p {single}; {corrected} corrected for the number of tests)"


def direction(row: dict[str, Any]) -> int | None:
    """Return +1 or −1 if the gain is significantly above or below zero, else 0; None without an interval.

    From three seeds on, the intervals over seeds and over pools must both exclude zero, and the corrected
    p-value must be small enough; with fewer seeds only the interval over pools counts.
    """
    bounds = [(row["gain_pool_low"], row["gain_pool_high"])]
    over_seeds = row["seeds"] >= SEEDS_FOR_INTERVAL
    if over_seeds:
        bounds.append((row["gain_low"], row["gain_high"]))
    if not all(math.isfinite(bound) for pair in bounds for bound in pair):
        return None
    if any(low <= 0 <= high for low, high in bounds) or (
        over_seeds and not row["p_holm"] < 1 - row["confidence"]
    ):
        return 0
    return 1 if row["gain"] > 0 else -1


def _verdict(row: dict[str, Any], seeds: pd.DataFrame) -> str:
    shown = direction(row)
    if shown is None:
        return "no interval"
    agree = (seeds["gain"] * row["gain"] > 0).all()
    if shown == 0 or (len(seeds) < SEEDS_FOR_INTERVAL and not agree):
        return "no clear difference"
    if len(seeds) < SEEDS_FOR_CONCLUSION:
        return f"a direction, from {len(seeds)} seeds"
    return "ranks better" if shown > 0 else "ranks worse"


def _one_seed(low: float, high: float) -> str:
    spans = low <= 0 <= high
    first = "The interval includes zero and" if spans else "The interval excludes zero but"
    return (
        f"{first} reflects only the choice of held-out architectures: one seed can't tell whether the "
        "regulariser helps. Search with more seeds."
    )


def _seeds(seeds: pd.DataFrame, row: dict[str, Any]) -> str:
    up, count = int((seeds["gain"] > 0).sum()), len(seeds)
    signs = f"The gain is positive for {up} of {count} seeds."
    low, high = row["gain_low"], row["gain_high"]
    few_seeds = count < SEEDS_FOR_CONCLUSION
    few = f" {count} seeds show a direction at best; a conclusion takes five or more." if few_seeds else ""
    if count < SEEDS_FOR_INTERVAL:
        each = listed([number(gain, signed=True) for gain in seeds["gain"]])
        return f"{signs} Two seeds give no interval, only two values: {each}.{few}{_other_pools(seeds)}"
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{signs} All seeds have the same gain, which gives no interval."
    p = _p_values(row)
    if low <= 0 <= high:
        said = f"The interval over seeds includes zero{p}: this does not show a difference."
    else:
        said = f"The interval over seeds excludes zero{p}."
        if not row["p_holm"] < 1 - row["confidence"]:
            said += " After correction for the number of tests this does not show a difference."
    return f"{signs} {said}{few}{_other_pools(seeds)}"


def _other_pools(seeds: pd.DataFrame) -> str:
    """Warn that another pool could reverse the result, since an interval over seeds is for this pool only."""
    undecided = int(((seeds["gain_low"] <= 0) & (seeds["gain_high"] >= 0)).sum())
    if not undecided:
        return ""
    return (
        f" The interval over architectures includes zero for {undecided} of {len(seeds)} seeds: "
        "a larger pool is needed to decide."
    )


def worth_training(rows: pd.DataFrame, by: str) -> str:
    """Say whether super-nets are worth their training, given one comparison with the best cheap ranking;
    ``rows`` and ``by`` as for `finding`."""
    row, each = overall_row(rows), _defined(rows)
    whose = str(row["comparison"]).removesuffix(f" over {row['against']}")
    rival = (
        f"{baseline(row['against'])} at {number(row['tau_without'])} (best of "
        f"{counted(int(row['rivals']), 'cheap ranking')}, chosen on this pool, which favours it)"
    )
    if (shown := direction(row)) is None:
        return f"{whose}: τ by {by} can't be compared with {rival}: there is no interval."
    said, verdict = {
        1: ("significantly above", "The super-net is worth its training."),
        0: ("not measurably different from", "The super-net has not been shown to be worth its training."),
        -1: ("significantly below", "The super-net is not worth its training."),
    }[shown]
    if row["seeds"] >= SEEDS_FOR_INTERVAL:
        low, high, over = row["gain_low"], row["gain_high"], f"over {row['seeds']} seeds{_p_values(row)}"
    else:
        low, high = row["gain_pool_low"], row["gain_pool_high"]
        over = f"over architectures, with {counted(row['seeds'], 'seed')}"
    return (
        f"{whose}: τ by {by}, {number(row['tau_with'])}, is {said} {rival}: difference "
        f"{with_interval(row['gain'], low, high, signed=True)} {over}. {verdict}"
        f"{_other_pools(each) if row['seeds'] >= SEEDS_FOR_INTERVAL else ''}"
    )


def seeds_left_out(gains: pd.DataFrame) -> list[str]:
    """Return a sentence for every comparison whose two sides don't have the same seeds."""
    if gains.empty:
        return []
    # Read from a file, an empty text is NaN.
    incomplete = gains["left_out"].map(lambda text: isinstance(text, str) and text != "")
    rows = gains[incomplete].drop_duplicates(["comparison", "left_out"])
    return [
        f"{row['comparison']}, by {row['score']}: means are over the seeds that both sides have; "
        f"left out: {row['left_out']}."
        for row in rows.to_dict("records")
    ]
