"""How good the network is that is found, by the number of stand-alone trainings that are paid for it.

    python scripts/study/budget.py <table> <valid column> <test column> <docs/studies/name> [key=value]

This draws architectures from a table, all different functions, and computes their training-free scores as
`predictors.py` does, which explains ``key=value``. Every repetition (``repetitions=60``) draws half of them
as candidates. Each policy then pays trainings: it learns the table's validation score of each candidate that
it trains, and its pick is the trained one with the best. Regret is the best test score of all candidates
minus that of the pick. It writes ``<name>.csv`` (a row per repetition and policy, with regrets by the number
of trainings), ``<name>.png``, and prints means as Markdown. Repetitions share the table: their intervals tell
about draws of candidates from it, and not about other benchmarks.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from policies import (
    Candidates,
    Evolution,
    Guided,
    Policy,
    Trainings,
    by_vote,
    mixed_start,
    predicted_mean,
    random_search,
    random_start,
    spread_start,
)
from predictors import scored

from lmreg.predictor.acquisition import expected_improvement
from lmreg.predictor.encoding import encodings
from lmreg.rank.intervals import mean_over_seeds
from lmreg.util.files import write_atomically, write_table

matplotlib.use("Agg")
from matplotlib import pyplot as plt

ARCHS, REPETITIONS, SHARE = 1500, 60, 0.5
BUDGETS = (10, 15, 20, 30, 45, 60, 80, 100)
OURS, ALL = "lmreg", "all trained"
POLICIES: dict[str, Policy] = {
    "random search": random_search,
    "evolution": Evolution(),
    "GP without scores": Guided(random_start, promise=expected_improvement, proxies=False),
    "vote": by_vote,
    OURS: Guided(),
    "GP without scores, UCB": Guided(random_start, proxies=False),
    "lmreg, EI": Guided(promise=expected_improvement),
    "lmreg, mean": Guided(promise=predicted_mean),
    "lmreg, mixed start": Guided(mixed_start),
    "lmreg, spread start": Guided(spread_start),
    "lmreg, spread start, EI": Guided(spread_start, promise=expected_improvement),
}
COLOURS = {
    "random search": "#888888",
    "evolution": "#7a4fa3",
    "GP without scores": "#2b8a3e",
    "vote": "#1f5fa8",
    OURS: "#c2571a",
}
LEAST = 0.01  # points; smaller regrets are drawn there, as the axis is logarithmic


def main() -> None:
    table_path, valid, test, out, *overrides = sys.argv[1:]
    own = [word for word in overrides if word.startswith("repetitions=")]
    repetitions = int(own[-1].partition("=")[2]) if own else REPETITIONS
    found = scored(Path(table_path), valid, [word for word in overrides if word not in own], ARCHS)
    space = found.study.space
    candidates = Candidates(
        space,
        found.archs,
        [space.canonical(arch) for arch in found.archs],
        encodings(space, found.archs),
        found.proxies.to_numpy(float),
        found.voters,
    )
    truths = [found.table[column].to_numpy(float) for column in (valid, test)]
    result = regrets(candidates, *truths, POLICIES, repetitions)
    write_table(Path(out).with_suffix(".csv"), result)
    scores = ["test"] if valid == test else ["test", "valid"]
    for score in scores:
        some = result[result["score"] == score]
        print(f"\nRegret by {score} score\n\n{markdown(some)}")
    figure = draw(result, scores)
    write_atomically(Path(out).with_suffix(".png"), lambda file: figure.savefig(file, format="png", dpi=150))


def regrets(
    everything: Candidates,
    valid: np.ndarray,
    test: np.ndarray,
    policies: Mapping[str, Policy],
    repetitions: int,
) -> pd.DataFrame:
    """Return a row per repetition, policy and score (``test`` and ``valid``) in which regret is measured; its
    columns are named after numbers of trainings. The policy ``all trained`` shows what is lost since picks
    are by validation score."""
    rows, seconds = [], dict.fromkeys(policies, 0.0)
    count = int(SHARE * len(valid))
    budgets = [budget for budget in BUDGETS if budget <= count]
    for repetition in range(repetitions):
        some = np.sort(np.random.default_rng(repetition).permutation(len(valid))[:count])
        candidates, picks = everything.subset(some), {}
        for name, policy in policies.items():
            began, trainings = time.monotonic(), Trainings(valid[some], budgets[-1])
            policy(candidates, trainings, np.random.default_rng([repetition, 1]))
            picks[name] = [trainings.order[int(np.argmax(trainings.scores[:budget]))] for budget in budgets]
            seconds[name] += time.monotonic() - began
        picks[ALL] = [int(np.argmax(valid[some]))] * len(budgets)
        for score, values in {"test": test[some], "valid": valid[some]}.items():
            for name, picked in picks.items():
                about = {"repetition": repetition, "policy": name, "score": score}
                lost = np.round(values.max() - values[picked], 4)
                rows.append(about | dict(zip(map(str, budgets), lost.tolist(), strict=True)))
    print(", ".join(f"{name} {spent:.0f} s" for name, spent in seconds.items()), flush=True)
    return pd.DataFrame(rows)


def budgets_of(rows: pd.DataFrame) -> list[str]:
    return [column for column in rows if column.isdecimal()]


def markdown(rows: pd.DataFrame) -> str:
    """Return the regrets of the figure's policies, lmreg's paired differences to them and its variants."""
    shown = rows["policy"].isin([*COLOURS, ALL])
    variants = ~shown | (rows["policy"] == OURS)
    return "\n\n".join([summary(rows[shown]), gains(rows[shown]), gains(rows[variants])])


def summary(rows: pd.DataFrame) -> str:
    """Return the mean regret with its interval, a line per policy and a column per number of trainings."""
    budgets = budgets_of(rows)
    lines = [f"| policy | {' | '.join(budgets)} |", f"|---|{'---|' * len(budgets)}"]
    for name, some in rows.groupby("policy", sort=False):
        lines.append(f"| {name} | {' | '.join(interval(some[budget], '.2f') for budget in budgets)} |")
    return "\n".join(lines)


def gains(rows: pd.DataFrame) -> str:
    """Return the mean paired difference in regret, lmreg's minus the other policy's, with its interval."""
    budgets = budgets_of(rows)
    lines = [f"| {OURS} minus | {' | '.join(budgets)} |", f"|---|{'---|' * len(budgets)}"]
    ours = rows[rows["policy"] == OURS].set_index("repetition")
    for name, some in rows[~rows["policy"].isin([OURS, ALL])].groupby("policy", sort=False):
        differences = ours[budgets] - some.set_index("repetition")[budgets]
        lines.append(f"| {name} | {' | '.join(interval(differences[b], '+.2f') for b in budgets)} |")
    return "\n".join(lines)


def interval(values: pd.Series, form: str) -> str:
    mean, low, high, _ = mean_over_seeds(values.to_numpy(float), 0.95)
    return f"{mean:{form}}" if np.isnan(low) else f"{mean:{form}} [{low:{form}}, {high:{form}}]"


def draw(rows: pd.DataFrame, scores: Sequence[str]) -> plt.Figure:
    """Draw the mean regret against the number of trainings, its interval as a band; a panel per score."""
    size = (1 + 4.5 * len(scores), 4.2)
    figure, panels = plt.subplots(1, len(scores), figsize=size, layout="constrained", squeeze=False)
    budgets = budgets_of(rows)
    places = [int(budget) for budget in budgets]
    for axes, score in zip(panels[0], scores, strict=True):
        of_score = rows[rows["score"] == score]
        for name, colour in COLOURS.items():
            mine = of_score[of_score["policy"] == name]
            each = [mean_over_seeds(mine[budget].to_numpy(float), 0.95)[:3] for budget in budgets]
            mean, low, high = np.maximum(np.nan_to_num(each, nan=LEAST), LEAST).T
            axes.plot(places, mean, color=colour, marker="o", ms=3, label=name)
            axes.fill_between(places, low, np.maximum(high, mean), color=colour, alpha=0.2, lw=0)
        all_trained = of_score.loc[of_score["policy"] == ALL, budgets[-1]].mean()
        if all_trained > LEAST:
            axes.axhline(all_trained, color="#888888", lw=0.8, ls="--", label=ALL)
        axes.set(xlabel="stand-alone trainings", ylabel=f"regret by {score} score (points)", yscale="log")
        axes.grid(axis="y", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=6 // (3 - len(scores)),
        frameon=False,
        fontsize=9,
    )
    return figure


if __name__ == "__main__":
    main()
