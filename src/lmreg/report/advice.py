"""Which ranking to trust, how far, and what each part of it added, in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lmreg.rank.prediction import GP, WITH_SUPER_NET
from lmreg.report.words import baseline, baseline_of, figure, interval, listed, number, records


def advice_in_words(table: pd.DataFrame) -> list[str]:
    """Return sentences about the rows of ``recommended.csv``, see `lmreg.rank.prediction.recommendation`."""
    rows = records(table)
    chosen = next(row for row in rows if row["recommended"])
    others = [f"{baseline_of(row)} {_tau(row['left_out_tau'])}" for row in rows if row is not chosen]
    found = [
        f"Rank by: {baseline_of(chosen)}. Kendall's τ on the pool is {number(chosen['kendall_tau'])} "
        f"{interval(chosen['low'], chosen['high'])}, n = {chosen['n']}. It was chosen by the landmarks, each "
        f"predicted without its own score: their order agrees with it at τ {_tau(chosen['left_out_tau'])}"
        + (f", with {listed(others)}." if others else ".")
    ]
    by_name = {row["ranking"]: row for row in rows if row["ranking"] != chosen["ranking"]} | {
        chosen["ranking"]: chosen
    }
    chain = [chosen]
    while isinstance(before := chain[0]["over"], str) and before in by_name:
        chain.insert(0, by_name[before])
    if len(chain) > 1:
        steps = [f"{baseline_of(chain[0])} {_tau(chain[0]['kendall_tau'])}"]
        steps += [f"{_added(row)} {_gain(row)}" for row in chain[1:]]
        found.append(f"What each part added to τ: {', '.join(steps)}.")
    found += [
        f"The super-net of {row['label']} adds {_gain(row)} to {baseline_of(by_name[row['over']])}."
        for row in rows
        if row["ranking"] == WITH_SUPER_NET and row is not chosen and row["over"] in by_name
    ]
    return found


def cheap_rankings(rows: pd.DataFrame) -> str:
    """Say which taus the best cheap rankings reach; ``rows`` of ``baselines.csv`` have them."""
    known = rows[rows["value"].notna()].sort_values("value", ascending=False, kind="stable")
    figures = [f"{baseline(row['baseline'])} {figure(row)}" for row in records(known)[:4]]
    return f"The best cheap rankings reach: {listed(figures)}." if figures else ""


def _added(row: dict[str, Any]) -> str:
    if row["ranking"] == GP:
        return f"{row['landmarks']} landmarks"
    return f"super-net {row['label']}"


def _tau(value: float) -> str:
    return number(value, 2)


def _gain(row: dict[str, Any]) -> str:
    gain = number(row["gain"], signed=True)
    known = np.isfinite(row["gain_low"])
    return f"{gain} {interval(row['gain_low'], row['gain_high'], signed=True)}" if known else gain
