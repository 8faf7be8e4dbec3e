"""Figures and findings as people write them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lmreg.rank.intervals import FEWEST_SEEDS

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
    "params": "parameters",
    "macs": "MACs",
    "ridge": "ridge",
    "ridge_costs": "ridge with costs",
    "ridge_score": "ridge with the score",
    "ceiling": "ceiling: a perfect ranking",
    "truth_seeds": "one training seed by another",
}


def baseline(name: str) -> str:
    """A ranking that needs no super-net, in words; one that isn't listed by its name."""
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
    row, each = overall(rows), _defined(rows)
    count = len(each)
    low, high, gain = row["gain_low"], row["gain_high"], row["gain"]
    taus = f"Kendall's τ-b by {by} is {number(row['tau_without'])} without the regulariser and "
    taus += f"{number(row['tau_with'])} with it"
    figure = f"{number(gain, signed=True)} {interval(low, high, signed=True)}".strip()
    if not math.isfinite(gain):
        verdict, text = "undefined", f"{taus}: not defined, because scores or truth are all the same."
    elif count <= 1:
        verdict = "one seed only"
        text = f"{taus}, a gain of {figure} over the {row['n']} architectures. {_one_seed(low, high)}"
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
        tiles.append(("p", p_value(row["p_holm"]), "gain = 0, two-sided, corrected (Holm)"))
    tiles.append(("n", f"{int(row['n']):,}", f"architectures, {counted(count, 'seed')}"))
    return Finding(str(row["comparison"]), verdict, text, tiles)


def overall(rows: pd.DataFrame) -> dict[str, Any]:
    """Of one comparison's rows by one score the mean over seeds; the only seed's where there is one."""
    means, each = rows[rows["seed"].astype(str) == "mean"], _defined(rows)
    chosen = next(some for some in (means, each, rows) if len(some))
    return {str(k): v for k, v in chosen.iloc[0].to_dict().items()}


def _defined(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of single seeds that have a gain."""
    return rows[(rows["seed"].astype(str) != "mean") & rows["gain"].notna()]


def _corrected(row: dict[str, Any]) -> str:
    """The p-value in brackets, beside it the corrected one where that is another."""
    p, holm = (p_value(row[name]) for name in ("p_value", "p_holm"))
    if not p:
        return ""
    equals, of_several = (text if text.startswith("<") else f"= {text}" for text in (p, holm))
    return f" (p {equals})" if p == holm else f" (p {equals}, corrected for the number of tests {of_several})"


def direction(row: dict[str, Any]) -> int | None:
    """+1 or −1 where a gain is shown to be above or below zero, else 0; None without an interval.

    From three seeds on both intervals of the mean must bear it out, the one over seeds and the one over
    pools, and the corrected p-value; with fewer only the one over pools can.
    """
    bounds = [(row["gain_pool_low"], row["gain_pool_high"])]
    over_seeds = row["seeds"] >= FEWEST_SEEDS
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
    if shown == 0 or (len(seeds) < FEWEST_SEEDS and not agree):
        return "no clear difference"
    if len(seeds) < FEW_SEEDS:
        return f"a direction, from {len(seeds)} seeds"
    return "ranks better" if shown > 0 else "ranks worse"


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
    few_seeds = count < FEW_SEEDS
    few = f" {count} seeds show a direction at best; take five or more for a conclusion." if few_seeds else ""
    if count < FEWEST_SEEDS:
        each = listed([number(gain, signed=True) for gain in seeds["gain"]])
        return f"{signs} Two seeds give no interval, only their values: {each}.{few}{_other_pools(seeds)}"
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{signs} All seeds gain the same, which gives no interval."
    p = _corrected(row)
    if low <= 0 <= high:
        said = f"The interval over seeds includes zero{p}: this does not show a difference."
    else:
        said = f"The interval over seeds excludes zero{p}."
        if not row["p_holm"] < 1 - row["confidence"]:
            said += " Corrected for the number of tests, that does not show a difference."
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


def earned(rows: pd.DataFrame, by: str) -> str:
    """Whether super-nets earned their training, from one comparison with the best cheap ranking.

    Args:
        rows, by: as for `finding`.
    """
    row, each = overall(rows), _defined(rows)
    whose = str(row["comparison"]).removesuffix(f" over {row['against']}")
    rival = (
        f"{baseline(row['against'])} at {number(row['tau_without'])} (best of "
        f"{counted(int(row['rivals']), 'cheap ranking')}, chosen on this pool, which favours it)"
    )
    if (shown := direction(row)) is None:
        return f"{whose}: τ by {by} can't be compared with that of {rival}: there is no interval."
    said, verdict = {
        1: ("significantly above", "It has earned its training."),
        0: ("not measurably different from", "It has not been shown to earn its training."),
        -1: ("significantly below", "It has not earned its training."),
    }[shown]
    if row["seeds"] >= FEWEST_SEEDS:
        low, high, over = row["gain_low"], row["gain_high"], f"over {row['seeds']} seeds{_corrected(row)}"
    else:
        low, high = row["gain_pool_low"], row["gain_pool_high"]
        over = f"over architectures, with {counted(row['seeds'], 'seed')}"
    gain = f"{number(row['gain'], signed=True)} {interval(low, high, signed=True)}".strip()
    return (
        f"{whose}: τ by {by}, {number(row['tau_with'])}, is {said} {rival}: {gain} {over}. {verdict}"
        f"{_other_pools(each) if row['seeds'] >= FEWEST_SEEDS else ''}"
    )


def seeds_left_out(gains: pd.DataFrame) -> list[str]:
    """A line for every comparison whose sides don't have the same seeds."""
    if gains.empty:
        return []
    told = gains["left_out"].map(lambda text: isinstance(text, str) and text != "")  # read back, empty is NaN
    found = gains[told].drop_duplicates(["comparison", "left_out"])
    return [
        f"{row['comparison']}, by {row['score']}: a mean is over the seeds that both sides have; "
        f"left out: {row['left_out']}."
        for row in found.to_dict("records")
    ]


def cheap_rankings(rows: pd.DataFrame) -> str:
    """What cheap rankings reach; ``rows``: their Kendall taus, of ``baselines.csv``."""
    known = [{str(k): v for k, v in row.items()} for row in rows[rows["value"].notna()].to_dict("records")]
    figures = [f"{baseline(row['baseline'])} {figure(row)}" for row in known]
    return f"Cheap rankings reach: {listed(figures)}." if figures else ""
