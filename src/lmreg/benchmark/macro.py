"""NAS-Bench-Macro as it is published: nas-bench-macro_cifar10.json.

The object ``{"00000000": {"test_acc": [three seeds], "mean_acc": ..., "std": ..., "params": ..., "flops":
...}, ...}``. Source: github.com/xiusu/NAS-Bench-Macro, its README and `train/collect_benchmark.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lmreg.benchmark.base import PERCENT_DIGITS, Benchmark, Imported, read_published_json, size_note
from lmreg.errors import LmregError
from lmreg.space.macro import NASBenchMacro


@dataclass
class Config:
    name: str = "macro"


class MacroFile(Benchmark):
    """nas-bench-macro_cifar10.json: test accuracies of three seeds, without a validation score."""

    space = "macro"

    def __init__(self, config: Config):
        self.config = config

    def read(self, path: Path) -> Imported:
        entries = read_published_json(path)
        if not isinstance(entries, dict) or not entries:
            raise LmregError(f"{path} is not NAS-Bench-Macro's JSON object of architectures")
        space = NASBenchMacro()
        table = pd.DataFrame([_row(path, space, text, entry) for text, entry in entries.items()])
        table = table.sort_values("arch", ignore_index=True)
        return Imported(table, ("mean_acc", "mean_acc"), size_note(space.size, len(table), "networks"))


def _row(path: Path, space: NASBenchMacro, text: str, entry: Any) -> dict[str, Any]:
    where = f"{path}, architecture {text!r}"
    try:
        arch = space.parse(text)
    except LmregError as error:
        raise LmregError(f"{path}: {error}") from None
    try:
        seeds = {f"test_acc_seed{seed}": float(acc) for seed, acc in enumerate(entry["test_acc"])}
        mean, deviation = (round(float(entry[key]), PERCENT_DIGITS) for key in ("mean_acc", "std"))
        costs = {key: int(entry[key]) for key in ("params", "flops")}
    except (KeyError, TypeError, ValueError):
        raise LmregError(
            f"{where}: expected test_acc (a list), mean_acc, std, params and flops; is it another benchmark?"
        ) from None
    if not seeds or abs(sum(seeds.values()) / len(seeds) - mean) > 0.01:
        raise LmregError(f"{where}: mean_acc is {mean:g}, which is not the mean of test_acc")
    return {"arch": space.format(arch), **seeds, "mean_acc": mean, "std_acc": deviation, **costs}
